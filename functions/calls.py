"""Execute calls, and turn their errors into answers. Every entry point uses this, so that all give the same answers."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

import msgspec

from http_routes import ROUTE_KEYS
from nextitem.errors import MAX_FAULTS, Fault, NoModel, RequestError, SelfCheckFailed, StoreUnavailable
from nextitem.service import schema
from nextitem.sessions.keys import SessionName
from nextitem.telemetry.record import RequestRecord
from query_string import parse_query

if TYPE_CHECKING:
    from application import Application

DirectOperation = schema.Operation | Literal["verify"]
"""The operations of a call; `verify` has no HTTP route."""
RETRY_AFTER = {"retry-after": "1"}
"""Header of a 503: a process tries to load missing parts again each second."""
NOT_CACHED = {"cache-control": "no-store"}
"""Header of every answer: an answer depends on the session, and the next one may differ."""
NOT_CONFIRMED = "the session store did not confirm the request in time; try again"

_Body = TypeVar("_Body")


class Call(msgspec.Struct, frozen=True):
    """An operation and its arguments.

    Attributes:
        operation: the operation.
        session_id: not checked yet; None if the request has none.
        item_id: likewise.
        subject: the subject of the token (JWT) that was checked; None without a token.
        body: JSON text, or the document of a query string.
        query: whether `body` comes from a query string, where all values are text.
        envelope_fields: names of the invoke itself, suggested for a misspelt field.
    """

    operation: DirectOperation
    session_id: object = None
    item_id: object = None
    subject: str | None = None
    body: bytes | dict[str, Any] = msgspec.field(default_factory=dict)
    query: bool = False
    envelope_fields: tuple[str, ...] = ()


class Response(NamedTuple):
    """Status, answer and further headers of a call; no answer is an empty response."""

    status: int
    answer: Any
    headers: Mapping[str, str]

    @property
    def all_headers(self) -> dict[str, str]:
        """The headers of the HTTP response, without those of its transport."""
        if self.answer is None:
            return {**NOT_CACHED, **self.headers}
        kind = "application/problem+json" if isinstance(self.answer, schema.Problem) else "application/json"
        return {"content-type": kind, **NOT_CACHED, **self.headers}


def routed_call(
    route_key: str, variables: Mapping[str, Any], query_text: str, body: bytes, subject: str | None = None
) -> Call:
    """Return the call of an HTTP request.

    Args:
        route_key: of `ROUTE_KEYS`.
        variables: those of its path, by name.
        query_text: the query string, as it was sent.
        body: as it was sent; an empty one means an empty object.
        subject: see `Call`.

    Raises:
        RequestError: 400, the query is not UTF-8; 422, the operation takes its fields from the body and there is a
            query string, or the other way round.
    """
    operation, query, body = ROUTE_KEYS[route_key], parse_query(query_text), body or b"{}"
    session_id, item_id = variables.get("session_id"), variables.get("item_id")
    if route_key.startswith("POST "):
        if query:
            faults = [Fault(name, "this operation reads no query parameters; send it in the body") for name in query]
            raise RequestError(422, "Unprocessable content", faults[0].detail, faults=faults[:MAX_FAULTS])
        return Call(operation, session_id, item_id, subject, body)
    if len(body) > schema.MAX_BODY_BYTES or body.strip() not in (b"{}", b"null"):
        raise RequestError(422, "Unprocessable content", "this operation takes no body; send query parameters")
    return Call(operation, session_id, item_id, subject, query, query=True)


class CallExecutor:
    """Executes calls with the objects of one process, and records each.

    Args:
        application: the objects.
    """

    def __init__(self, application: "Application") -> None:
        self._application = application
        self._recommender, self._telemetry = application.recommender, application.telemetry

    def answer(self, read: Callable[[], Call], record: RequestRecord | None = None) -> Response:
        """Return the response of a call.

        Args:
            read: reads the call from the request.
            record: takes its measurements; None for a new one.

        Raises:
            SelfCheckFailed: the operation was `verify`. All other errors become answers.
        """
        record = record or RequestRecord()
        response = self._answer(read, record)
        self._telemetry.emit(record, response.status)
        return response

    def _answer(self, read: Callable[[], Call], record: RequestRecord) -> Response:
        try:
            call = read()
            record.operation = call.operation
            answer = self._execute(call, record)
        except RequestError as error:
            return Response(error.status, schema.problem_of(error), {"allow": error.allow} if error.allow else {})
        except NoModel as error:
            return Response(503, schema.Problem("Service unavailable", 503, str(error)), RETRY_AFTER)
        except StoreUnavailable as error:
            record.add_fault(error)  # logged, not answered: its text may name hosts of the private network
            return Response(503, schema.Problem("Service unavailable", 503, NOT_CONFIRMED), RETRY_AFTER)
        except SelfCheckFailed:
            self._telemetry.emit(record, 500)
            raise
        except Exception:  # noqa: BLE001 - it is logged, and every request has an answer
            self._telemetry.report_exception("unexpected error")
            return Response(500, schema.Problem("Internal error", 500, "an unexpected error; it has been logged"), {})
        return Response(204 if answer is None else 200, answer, {})

    def _execute(self, call: Call, record: RequestRecord) -> Any:
        now = time.time_ns() // 1_000_000
        recommender = self._recommender
        answer: Any = None
        match call.operation:
            case "append_events":
                body, fields = call.body, call.envelope_fields
                events, skipped = schema.parse_or_skip(body, schema.EventsBody, envelope_fields=fields)
                answer = recommender.append_events(schema.events_request(_session(call), events, now, skipped), record)
            case "get_recommendations":
                options = _parse(call, schema.RankingOptions)
                answer = recommender.session_recommendations(schema.SessionRequest(_session(call), options), record)
            case "delete_session":
                _parse(call, schema.NoOptions)
                recommender.delete_session(_session(call), record)
            case "recommend":
                items = _parse(call, schema.ItemsBody)
                answer = recommender.recommend(schema.ItemsRequest(tuple(items.item_ids), items), record)
            case "similar":
                item_id = schema.checked_item_id(call.item_id, in_path=call.query)
                request = schema.similar_request(item_id, _parse(call, schema.SteeredOptions))
                answer = recommender.similar(request, record)
            case "trending":
                listing = _parse(call, schema.TrendingOptions)
                answer = recommender.trending(schema.TrendingRequest(listing, now), record)
            case "health":
                _parse(call, schema.NoOptions)
                answer = recommender.health()
            case "verify":
                _parse(call, schema.NoOptions)
                answer = self._application.verify()
        return answer


def _parse(call: Call, kind: type[_Body]) -> _Body:
    return schema.parse(call.body, kind, strict=not call.query, envelope_fields=call.envelope_fields)


def _session(call: Call) -> SessionName:
    return SessionName(schema.checked_session_id(call.session_id), call.subject)
