"""Traces of requests, by OpenTelemetry: off unless an endpoint is set. The extra `traces` has the packages."""

import logging
import os
from collections.abc import Mapping
from typing import Protocol

from container.http_request import Scope
from nextitem.telemetry.record import RequestRecord

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""Either of these variables turns traces on."""
_OFF = (("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none"))
_LOG = logging.getLogger(__name__)


class Traces(Protocol):
    """Takes the requests of a worker process."""

    def new_record(self) -> RequestRecord:
        """Return the record of a request that has arrived now."""

    def write(self, scope: Scope, path: str, record: RequestRecord, status: int) -> None:
        """Take a request that was answered.

        Args:
            scope: of ASGI.
            path: decoded, without the query.
            record: which `new_record` has returned.
            status: the HTTP status of the answer.
        """

    def close(self, seconds: float) -> None:
        """Send what is left, for at most some seconds."""


class NoTraces(Traces):
    """Takes nothing."""

    def new_record(self) -> RequestRecord:
        """See `Traces`."""
        return RequestRecord()

    def write(self, scope: Scope, path: str, record: RequestRecord, status: int) -> None:
        """See `Traces`."""

    def close(self, seconds: float) -> None:
        """See `Traces`."""


def start_traces(environment: Mapping[str, str] = os.environ) -> Traces:
    """Return what takes the requests. OpenTelemetry is imported only if traces are wanted: that takes 0.2 s.

    Args:
        environment: says whether they are; OpenTelemetry itself reads the process's.
    """
    if not any(environment.get(name) for name in ENDPOINTS):
        return NoTraces()
    if any(environment.get(name, "").lower() == value for name, value in _OFF):
        return NoTraces()
    try:
        from container.otlp_traces import OtlpTraces
    except ImportError as error:
        _LOG.warning("no traces: %s. Install the extra `traces`, or unset %s", error, " and ".join(ENDPOINTS))
        return NoTraces()
    try:
        return OtlpTraces()
    except ValueError as error:  # of one of OpenTelemetry's variables
        _LOG.warning("no traces: %s (a variable OTEL_...)", error)
        return NoTraces()
