"""One metrics record for each request, a log line for each fault, and no ids."""

import json
import logging
from collections.abc import Callable, Collection
from typing import Any

import pytest

from devstack.processes.children import LOOPBACK, free_port
from devstack.services.valkey import Valkey
from nextitem.errors import RequestError, StoreUnavailable, VersionNotFound
from nextitem.redis_client.url import parse_store_url
from nextitem.service.router import Router
from nextitem.sessions.feedback import Feedback
from nextitem.sessions.session import Answerer
from nextitem.sessions.valkey_store import ValkeyStore
from nextitem.telemetry.metrics import METRICS
from nextitem.telemetry.record import ColdPhase, RequestRecord, Telemetry, process_age_ms
from tests.nextitem.parts import PATIENCE_SECONDS, VERSION
from tests.nextitem.service.service import Service
from tests.nextitem.sessions.failing_store import FailingStore

COLD: dict[ColdPhase, float] = {"process_start": 30.5, "import": 200.25, "model_load": 40.0}
ALWAYS = {metric.name: metric.unit for metric in METRICS if metric.always}
COLD_METRICS = {f"cold_{name}_ms": "Milliseconds" for name in (*COLD, "first_request")}
VARIANT = "main"
JUDGED = {"labels", "hits_20", "reciprocal_rank", "clicks"}


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Telemetry]:
    """Start the telemetry of a process; its output is what `capsys` captures."""

    def started(placements: Collection[str] = ()) -> Telemetry:
        # A logger keeps the output of the test that made it first.
        logging.Logger.manager.loggerDict.pop("nextitem", None)
        return Telemetry(dict(COLD), "shop", placements)

    return started


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the log lines written since the last call; each must be JSON."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def units(line: dict[str, Any]) -> dict[str, str]:
    """Name and unit of the metrics of a record."""
    return {
        metric["Name"]: metric["Unit"]
        for directive in line["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
    }


def dimension_sets(line: dict[str, Any]) -> list[tuple[str, ...]]:
    """The dimension sets of a record."""
    return [tuple(directive["Dimensions"][0]) for directive in line["_aws"]["CloudWatchMetrics"]]


def finished(**fields: Any) -> RequestRecord:
    """The record of a request that a model answered."""
    record = RequestRecord()
    record.operation = "append_events"
    record.set_served_by("session", VERSION, VARIANT)
    for name, value in fields.items():
        setattr(record, name, value)
    return record


def test_a_request_is_one_valid_metrics_record(
    start: Callable[[], Telemetry], capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry = start()
    telemetry.emit(finished(), 200)
    capsys.readouterr()
    record = finished(phases={"store_read": 1.23456, "replay": 0.5, "scoring": 1.5})
    record.set_replayed(3)
    record.count_events(["applied"], 0)
    telemetry.emit(record, 200)

    (line,) = lines(capsys)
    assert units(line) == ALWAYS | {"restore_ms": "Milliseconds", "replayed_events": "Count"}
    assert (line["model_version"], line["variant"], line["stack"]) == (VERSION, VARIANT, "shop")
    assert (line["served_by"], line["operation"], line["status"]) == ("session", "append_events", 200)
    assert (line["store_read_ms"], line["inference_ms"], line["store_write_ms"]) == (1.235, 2.0, 0.0)
    assert (line["restore_ms"], line["replayed_events"]) == (1.735, 3)
    assert (line["store_faults"], line["server_errors"], line["cold_start"], line["slow"]) == (0, 0, 0, 0)
    assert line["total_ms"] >= 0


def test_only_the_first_request_reports_the_start(
    start: Callable[[], Telemetry], capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry = start()
    telemetry.emit(finished(), 200)
    telemetry.emit(finished(), 200)
    first, second = lines(capsys)
    assert units(first) == ALWAYS | COLD_METRICS
    assert [first[f"cold_{name}_ms"] for name in COLD] == list(COLD.values())
    assert first["cold_first_request_ms"] == first["total_ms"]
    assert (first["cold_start"], second["cold_start"]) == (1, 0)
    assert units(second) == ALWAYS

    # The request that waited for the start is slow too.
    assert (first["slow"], second["slow"]) == (1, 0)


@pytest.mark.parametrize(("initialization", "cold"), [("on-demand", 1), ("provisioned-concurrency", 0)])
def test_a_start_before_all_requests_is_not_a_cold_start(
    start: Callable[[], Telemetry],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    initialization: str,
    cold: int,
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", initialization)
    start().emit(finished(), 200)
    (line,) = lines(capsys)
    assert (line["cold_start"], line["slow"]) == (cold, cold)
    assert units(line) == ALWAYS | COLD_METRICS


def test_the_first_request_after_a_restore_reports_the_restore(
    start: Callable[[], Telemetry], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    telemetry = start()
    telemetry.report_restore(12.5)
    telemetry.emit(finished(), 200)
    telemetry.emit(finished(), 200)

    first, second = lines(capsys)
    restored = {f"cold_{name}_ms": "Milliseconds" for name in ("restore", "first_request")}
    assert (units(first), units(second)) == (ALWAYS | restored, ALWAYS)
    assert (first["cold_start"], first["cold_restore_ms"], second["cold_start"]) == (1, 12.5, 0)


def test_a_snapshot_reports_no_start(
    start: Callable[[], Telemetry], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    start().emit(finished(), 200)
    (line,) = lines(capsys)
    assert (units(line), line["cold_start"]) == (ALWAYS, 0)


def test_a_request_without_a_model_is_counted(
    start: Callable[[], Telemetry], capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry = start()
    statuses = [400, 422, 499, 500, 503]
    for status in statuses:
        telemetry.emit(RequestRecord(), status)
    written = lines(capsys)
    for line in written:
        assert not {"model_version", "variant", "served_by"} & line.keys()
        assert line["operation"] == "none"
    assert [(line["refused"], line["server_errors"]) for line in written] == [(1, 0)] * 3 + [(0, 1)] * 2
    assert [line["status"] for line in written] == statuses


def test_faults_are_counted_and_logged(start: Callable[[], Telemetry], capsys: pytest.CaptureFixture[str]) -> None:
    record = finished()
    record.add_fault(StoreUnavailable("no answer in time"))
    record.add_fault(StoreUnavailable("it hung up"))
    telemetry = start()
    telemetry.emit(record, 200)
    telemetry.report_fault(VersionNotFound("no such version"))
    metrics, *logged = lines(capsys)
    assert metrics["store_faults"] == 2
    assert [line["route_faults"] for line in logged if "route_faults" in line] == [1]
    logged = [line for line in logged if "_aws" not in line]
    warnings = [(line["level"], line["message"], line["fault"], line["detail"]) for line in logged]
    assert warnings == [
        ("WARNING", "store fault", "StoreUnavailable", "no answer in time"),
        ("WARNING", "store fault", "StoreUnavailable", "it hung up"),
        ("WARNING", "background work failed", "VersionNotFound", "no such version"),
    ]


def test_feedback_counts_for_the_version_that_gave_the_answer(
    start: Callable[[], Telemetry], capsys: pytest.CaptureFixture[str]
) -> None:
    # GIVEN two requests whose session was recommended something before: by the same version, and by another
    telemetry = start()
    for version in (VERSION, "v-before"):
        feedback = Feedback(Answerer(version, VARIANT), 4, 2, {"cart": 3})
        telemetry.emit(finished(feedback=(feedback,)), 200)

    # WHEN they are written
    same, other, request = lines(capsys)

    # THEN the first is one record, AND the second two, for a record has one version
    names = "requests", "labels", "hits_20", "reciprocal_rank", "clicks", "cart_conversions"
    assert [same[name] for name in names] == [1, 1, 1, 0.25, 2, 3]
    assert (other["model_version"], other["variant"], other["hits_20"]) == ("v-before", VARIANT, 1)
    assert units(other).keys() == JUDGED | {"cart_conversions"}
    assert request["model_version"] == VERSION
    assert not JUDGED & units(request).keys()


def test_a_placement_is_a_dimension_only_where_it_is_configured(
    start: Callable[..., Telemetry], capsys: pytest.CaptureFixture[str]
) -> None:
    # GIVEN a deployment that counts by two placements, and feedback on answers for one, another, and none of these
    telemetry = start(placements={"home", "cart-page"})
    feedback = (
        Feedback(Answerer(VERSION, VARIANT, "home"), 0),
        Feedback(Answerer(VERSION, VARIANT, "cart-page"), conversions={"purchase": 1}),
        Feedback(Answerer(VERSION, VARIANT, "footer"), conversions={"like": 1}),
    )
    telemetry.emit(finished(placement="home", feedback=feedback), 200)
    telemetry.emit(finished(placement="footer", feedback=feedback[2:]), 200)
    # WHEN they are written
    cart_page, footer, home, in_footer = lines(capsys)
    # THEN each record has one placement: that of the request, or that of the answer that gets feedback
    assert (home["placement"], home["requests"], home["labels"], home["hits_20"]) == ("home", 1, 1, 0)
    assert ("stack", "placement") in dimension_sets(home)
    assert (cart_page["placement"], cart_page["purchase_conversions"]) == ("cart-page", 1)
    # AND another placement is no dimension, but stands in the log of its request
    assert "placement" not in footer
    assert (in_footer["placement"], in_footer["like_conversions"]) == ("footer", 1)
    assert not any("placement" in names for names in dimension_sets(in_footer))


def test_the_record_has_lambda_s_trace_id(
    start: Callable[[], Telemetry], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
    start().emit(finished(), 200)
    (line,) = lines(capsys)
    assert line["trace_id"] == "1-5759e988-bd862e3fe1be46a994272793"


def test_a_phase_is_measured_even_if_it_fails() -> None:
    record = RequestRecord()
    with record.phase("scoring"):
        pass
    once = record.phases["scoring"]
    with record.phase("scoring"):
        pass
    assert record.phases["scoring"] >= once > 0
    with pytest.raises(StoreUnavailable), record.phase("store_read"):
        raise StoreUnavailable("no answer in time")
    assert set(record.phases) == {"scoring", "store_read"}


@pytest.mark.slow
def test_no_output_contains_an_id(
    start: Callable[[], Telemetry], capsys: pytest.CaptureFixture[str], router: Router, valkey: Valkey, me: str
) -> None:
    known, unknown, named, excluded = "board-001", f"item-{me}", f"event-{me}", f"excluded-{me}"
    event = {"item_id": unknown, "event_id": named}

    def calls(service: Service) -> tuple[Callable[[], object], ...]:
        return (
            lambda: service.append(me, event, known, exclude=[excluded]),
            lambda: service.append(me, event, store=False),
            lambda: service.get(me, exclude=[excluded]),
            lambda: service.recommend(unknown, known, exclude=[excluded]),
            lambda: service.append(me, event, limit=0),
            lambda: service.append(me, {"item_id": unknown * 50}),
            lambda: service.delete(me),
        )

    urls = (valkey.url, f"redis://{LOOPBACK}:{free_port()}/0", valkey.url.replace("/0", "/999"))
    stores = [ValkeyStore(parse_store_url(url), timeout=PATIENCE_SECONDS, ttl=60) for url in urls]
    telemetry = start()
    answered = 0
    services = [Service(router, store) for store in stores]
    for service in (*services, Service(router, FailingStore())):
        for call in calls(service):
            try:
                call()
                answered += 1
            except (RequestError, StoreUnavailable):
                pass
            telemetry.emit(service.record, 200)
    for store in stores:
        store.close()
    assert answered == 4 * 4 + 1

    output = capsys.readouterr()
    written = output.out + output.err
    assert written.count('"_aws"') == 4 * 7
    assert written.count('"store fault"') == 3 * 2
    assert [name for name in (me, known, unknown, named, excluded, "care-", "coffee-") if name in written] == []


def test_the_process_s_age_grows() -> None:
    first = process_age_ms()
    assert 0 < first <= process_age_ms()
