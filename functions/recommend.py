"""Entry point of the Lambda function: converts events to calls of the recommender, and answers to responses."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import startup  # before all other imports: the models are loaded while they go on

# isort: split
import application
from lambda_events import Call, direct_call, http_call, http_response, is_http, wants_raised_errors
from nextitem.errors import CallFailed, NoModel, RequestError, SelfCheckFailed, StoreUnavailable
from nextitem.service import schema
from nextitem.sessions.keys import SessionName
from nextitem.telemetry.record import RequestRecord

RETRY_AFTER = {"retry-after": "1"}
"""Header of a 503: the function tries to load missing parts again each second."""

NOT_CONFIRMED = "the session store did not confirm the request in time; try again"

_Body = TypeVar("_Body")

_application = application.start(startup.take())
_recommender, _telemetry = _application.recommender, _application.telemetry
startup.finish()


def handler(event: Any, _context: object) -> Any:
    """Answer one invocation: an HTTP request, or a direct invoke that names an operation.

    Raises:
        SelfCheckFailed: the operation was `verify`; Lambda reports it as a function error.
        CallFailed: the caller only notices raised errors, see `wants_raised_errors`.
    """
    if is_http(event):
        status, answer, headers = _answer(lambda: http_call(event))
        return http_response(status, answer, headers)
    status, answer, _ = _answer(lambda: direct_call(event))
    if wants_raised_errors(event):
        _raise_failure(event, answer)
    return {"status": status} if answer is None else schema.to_document(answer)


def _raise_failure(event: dict[str, Any], answer: Any) -> None:
    """Raise an error if a direct invoke was refused, failed, or did not store its events."""
    if isinstance(answer, schema.Problem):
        raise CallFailed(f"{answer.status} {answer.title}: {answer.detail}")
    if isinstance(answer, schema.Answer) and answer.stored is False and event.get("store") is not False:
        raise CallFailed(NOT_CONFIRMED)


def _answer(read: Callable[[], Call]) -> tuple[int, Any, dict[str, str]]:
    """Return status, answer and headers of a call.

    Args:
        read: reads the call from the event.

    Raises:
        SelfCheckFailed: the operation was `verify`. All other errors become answers.
    """
    record = RequestRecord()
    status, headers = 200, {}
    answer: Any
    try:
        call = read()
        record.operation = call.operation
        answer = _execute(call, record)
        status = 204 if answer is None else 200
    except RequestError as error:
        status, answer = error.status, schema.problem_of(error)
        headers = {"allow": error.allow} if error.allow else {}
    except NoModel as error:
        status, answer, headers = 503, schema.Problem("Service unavailable", 503, str(error)), RETRY_AFTER
    except StoreUnavailable as error:
        record.add_fault(error)  # logged, not answered: its text may name hosts of the private network
        status, answer, headers = 503, schema.Problem("Service unavailable", 503, NOT_CONFIRMED), RETRY_AFTER
    except SelfCheckFailed:
        _telemetry.emit(record, 500)
        raise
    except Exception:  # noqa: BLE001 - it is logged, and every request has an answer
        _telemetry.report_exception("unexpected error")
        status, answer = 500, schema.Problem("Internal error", 500, "an unexpected error; it has been logged")
    _telemetry.emit(record, status)
    return status, answer, headers


def _execute(call: Call, record: RequestRecord) -> Any:
    now = time.time_ns() // 1_000_000
    answer: Any = None
    match call.operation:
        case "append_events":
            events, skipped = schema.parse_or_skip(call.body, schema.EventsBody, envelope_fields=call.envelope_fields)
            answer = _recommender.append_events(schema.events_request(_session(call), events, now, skipped), record)
        case "get_recommendations":
            options = _parse(call, schema.RankingOptions)
            answer = _recommender.session_recommendations(schema.SessionRequest(_session(call), options), record)
        case "delete_session":
            _parse(call, schema.NoOptions)
            _recommender.delete_session(_session(call), record)
        case "recommend":
            items = _parse(call, schema.ItemsBody)
            answer = _recommender.recommend(schema.ItemsRequest(tuple(items.item_ids), items), record)
        case "similar":
            item_id = schema.checked_item_id(call.item_id, in_path=call.query)
            request = schema.similar_request(item_id, _parse(call, schema.SteeredOptions))
            answer = _recommender.similar(request, record)
        case "trending":
            listing = _parse(call, schema.TrendingOptions)
            answer = _recommender.trending(schema.TrendingRequest(listing, now), record)
        case "health":
            _parse(call, schema.NoOptions)
            answer = _recommender.health()
        case "verify":
            _parse(call, schema.NoOptions)
            answer = _application.verify()
    return answer


def _parse(call: Call, kind: type[_Body]) -> _Body:
    return schema.parse(call.body, kind, strict=not call.query, envelope_fields=call.envelope_fields)


def _session(call: Call) -> SessionName:
    return SessionName(schema.checked_session_id(call.session_id), call.subject)
