"""The Lambda handler: an API Gateway HTTP API event, or a direct invoke, in; an answer out.

The rim of the house: it wires the rooms together once per process, and leaves all else to `nextitem`.
"""

import time
from collections.abc import Callable
from typing import Any

from calls import Call, direct_call, http_call, http_response
from nextitem import LOADING_SINCE, api
from nextitem.breaker import GuardedStore
from nextitem.bucket import ObstoreBucket
from nextitem.errors import NextItemError, NoModel, RequestError, StoreUnavailable
from nextitem.recommender import Recommender
from nextitem.registry import Registry
from nextitem.routing import Router
from nextitem.settings import Settings
from nextitem.telemetry import ColdPhase, RequestRecord, Telemetry, process_age_ms
from nextitem.valkey import ValkeyStore

RETRY_AFTER = {"retry-after": "1"}
"""What comes with a 503: whatever is missing is looked for again a second later."""

NOT_CONFIRMED = "the session store did not confirm it in time"


def _start() -> tuple[Recommender, Telemetry]:
    importing = (time.perf_counter() - LOADING_SINCE) * 1000
    cold: dict[ColdPhase, float] = {"process_start": max(0.0, process_age_ms() - importing), "import": importing}
    telemetry = Telemetry(cold)
    settings = Settings.read()
    bucket = ObstoreBucket(settings.bucket, region=settings.region, endpoint=settings.s3_endpoint)
    registry = Registry(bucket, settings.model_dir)
    router = Router(registry, settings.route, settings.route_ttl, telemetry.background_fault)
    store = ValkeyStore(
        settings.store_url, timeout=settings.store_timeout, ttl=settings.session_ttl, region=settings.region
    )
    loading = time.perf_counter()
    try:
        router.load()
    except NextItemError as error:
        telemetry.background_fault(error)  # requests try again, and answer 503 until it works
    cold["model_load"] = (time.perf_counter() - loading) * 1000
    return Recommender(router, GuardedStore(store), settings.key_secret, settings.deadline), telemetry


_recommender, _telemetry = _start()


def handler(event: Any, _context: object) -> Any:
    """Answer one invocation: HTTP where the event has a route key, direct where it names an operation."""
    if isinstance(event, dict) and "routeKey" in event:
        status, answer, headers = _answer(lambda: http_call(event))
        return http_response(status, answer, headers)
    status, answer, _ = _answer(lambda: direct_call(event))
    return {"status": status} if answer is None else api.to_document(answer)


def _answer(read: Callable[[], Call]) -> tuple[int, Any, dict[str, str]]:
    """Return status, answer and headers of a call, whatever happens."""
    record = RequestRecord()
    status, headers = 200, {}
    answer: Any
    try:
        call = read()
        record.operation = call.operation
        answer = _carried_out(call, record)
        status = 204 if answer is None else 200
    except RequestError as error:
        status, answer = error.status, api.problem_of(error)
        headers = {"allow": error.allow} if error.allow else {}
    except NoModel as error:
        status, answer, headers = 503, api.Problem("Service unavailable", 503, str(error)), RETRY_AFTER
    except StoreUnavailable as error:
        record.fault(error)  # logged, and not told: it may name hosts of the network behind
        status, answer, headers = 503, api.Problem("Service unavailable", 503, NOT_CONFIRMED), RETRY_AFTER
    except Exception:
        _telemetry.log.exception("unexpected error")
        status, answer = 500, api.Problem("Internal error", 500, "an unexpected error; it has been logged")
    _telemetry.emit(record, status)
    return status, answer, headers


def _carried_out(call: Call, record: RequestRecord) -> Any:
    now = time.time_ns() // 1_000_000
    match call.operation:
        case "append_events":
            events = api.parse(call.body, api.EventsBody)
            session_id = api.checked_id(call.session_id, "session_id")
            return _recommender.append_events(api.events_request(session_id, events, now), record)
        case "get_recommendations":
            wanted = api.parse(call.body, api.Wanted, strict=not call.query)
            session_id = api.checked_id(call.session_id, "session_id")
            return _recommender.session_recommendations(api.SessionRequest(session_id, wanted), record)
        case "delete_session":
            return _recommender.delete_session(api.checked_id(call.session_id, "session_id"), record)
        case "recommend":
            items = api.parse(call.body, api.ItemsBody)
            return _recommender.recommend(api.ItemsRequest(tuple(items.item_ids), items), record)
        case "health":
            return _recommender.health()
