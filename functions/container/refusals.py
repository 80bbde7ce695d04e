"""The answer to a request that a worker has no room for, and its record."""

from collections.abc import Callable

from calls import RETRY_AFTER, Response
from nextitem.service.schema import Problem
from nextitem.telemetry.record import RequestRecord

OVERLOAD = "all requests that this process may hold are waiting already; try again"
_UNAVAILABLE = 503

Emit = Callable[[RequestRecord, int], None]
"""Writes the record of a request that no call answers, with the status of its answer."""


def overloaded(record: RequestRecord, emit: Emit) -> Response:
    """Return the answer to a request that was refused unread, and record it."""
    record.is_refused_unread = True
    emit(record, _UNAVAILABLE)
    return Response(_UNAVAILABLE, Problem("Service unavailable", _UNAVAILABLE, OVERLOAD), RETRY_AFTER)
