"""Requests become spans that a real receiver of OTLP gets; a receiver that hangs changes nothing."""

import http.client
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from container.otlp_traces import OtlpTraces, TimedRecord
from container.traces import NoTraces, start_traces
from devstack.container import Container
from devstack.publish import demo_artifact
from devstack.stack import Stack
from tests.container.collector import Collector, attributes
from tests.functions.client import PATIENT

FUNCTIONS = Path(__file__).parents[2] / "functions"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
UNSAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-00"}
ONLY_AT_THE_END = {"OTEL_BSP_SCHEDULE_DELAY": "600000"}
SESSION, ITEM = "visitor-of-the-shop", "tent-008"
FLUSH_SECONDS = 20.0


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(artifact=demo_artifact(), max_workers=1, settings=PATIENT) as stack:
        yield stack


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that traces of this process go to."""
    with Collector() as collector:
        for name, value in collector.settings.items():
            monkeypatch.setenv(name, value)
        yield collector


def scope_of(method: str, *headers: tuple[bytes, bytes]) -> dict[str, object]:
    return {"method": method, "headers": list(headers)}


def ask(container: Container, method: str, path: str, body: str | None = None, **headers: str) -> int:
    with closing(http.client.HTTPConnection(urlsplit(container.url).netloc, timeout=60)) as connection:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        response.read()
        return response.status


@pytest.mark.slow
def test_requests_become_spans_of_the_clients_traces(stack: Stack) -> None:
    # GIVEN a container whose spans leave it at its end only
    with Collector() as collector, Container(stack, settings=collector.settings | ONLY_AT_THE_END) as container:
        event = f'{{"events":[{{"item_id":"{ITEM}","event_id":"e1"}}]}}'
        # WHEN requests come with a context, with one that is not sampled, and with none
        assert ask(container, "POST", f"/v1/sessions/{SESSION}/events", event, **SAMPLED) == 200
        assert ask(container, "GET", f"/v1/items/{ITEM}/similar", **UNSAMPLED) == 200
        assert ask(container, "GET", f"/v1/items/{ITEM}/no-such-thing") == 404
        # AND those of the platform
        assert [ask(container, "GET", path) for path in ("/livez", "/readyz", "/metrics", "/v2/health/live")]
        assert collector.bodies == []
        assert container.stop() == 0

    # THEN the drain has sent what is sampled
    server, refused = sorted(
        (span for span in collector.spans() if span.kind == Span.SPAN_KIND_SERVER), key=lambda span: -len(span.name)
    )
    assert (server.trace_id.hex(), server.parent_span_id.hex()) == (TRACE, PARENT)
    assert server.name == "POST /v1/sessions/{session_id}/events"
    described = attributes(list(server.attributes))
    assert str(described.pop("nextitem.model_version")).startswith("v")
    assert float(str(described.pop("nextitem.queued_ms"))) > 0
    assert described == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": "/v1/sessions/{session_id}/events",
        "url.scheme": "http",
        "nextitem.served_by": "session",
        "nextitem.variant": "main",
    }
    # AND the phases of the request lie inside it
    phases = [span for span in collector.spans() if span.kind == Span.SPAN_KIND_INTERNAL]
    assert {span.name for span in phases} == {"store_read", "replay", "scoring", "store_write"}
    for phase in phases:
        assert (phase.trace_id, phase.parent_span_id) == (server.trace_id, server.span_id)
        begin, end = phase.start_time_unix_nano, phase.end_time_unix_nano
        assert server.start_time_unix_nano <= begin <= end <= server.end_time_unix_nano
    # AND a path of no operation has neither parent nor route
    assert (refused.name, refused.parent_span_id) == ("GET", b"")
    assert "http.route" not in attributes(list(refused.attributes))
    # AND nothing says who looked at what
    sent = b"".join(collector.bodies)
    assert SESSION.encode() not in sent
    assert ITEM.encode() not in sent


@pytest.mark.slow
def test_a_collector_that_hangs_changes_nothing(stack: Stack) -> None:
    short = {"OTEL_BSP_SCHEDULE_DELAY": "10", "OTEL_BSP_MAX_QUEUE_SIZE": "8", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4"}
    # The supervisor kills a worker after the delay, the drain and 8 s: less than the exporter's patience of 10 s.
    with Collector(hangs=True) as collector:
        given = collector.settings | short | {"NEXTITEM_DRAIN_SECONDS": "1"}
        with Container(stack, settings=given) as container:
            assert ask(container, "GET", "/v1/trending") in {200, 404}
            assert collector.asked.wait(FLUSH_SECONDS)

            statuses = [ask(container, "GET", f"/v1/items/{ITEM}/similar") for _ in range(20)]

            assert statuses == [200] * 20
            assert container.stop() == 0


def test_a_server_error_is_an_error_of_the_span(collector: Collector) -> None:
    traces = OtlpTraces()
    record = traces.new_record()
    record.set_served_by("popular", "v1", "main")
    traces.write(scope_of("POST"), "/v1/recommendations", record, 503)
    traces.close(FLUSH_SECONDS)

    [span] = collector.spans()
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert attributes(list(span.attributes))["error.type"] == "503"


@pytest.mark.parametrize(
    ("variables", "name"),
    [({}, "nextitem"), ({"OTEL_SERVICE_NAME": "a"}, "a"), ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=b"}, "b")],
)
def test_the_service_has_a_name(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], name: str
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    traces = OtlpTraces()
    traces.write(scope_of("GET"), "/v1/trending", traces.new_record(), 200)
    traces.close(FLUSH_SECONDS)

    [request] = collector.requests()
    assert attributes(list(request.resource_spans[0].resource.attributes))["service.name"] == name


WORDS = st.text(st.characters(max_codepoint=255), max_size=60)
HEADERS = st.one_of(WORDS, WORDS.map(lambda text: f"00-{TRACE}-{PARENT}-{text}"), st.just(SAMPLED["traceparent"]))


@pytest.mark.slow
def test_any_request_is_taken(collector: Collector) -> None:
    traces = OtlpTraces()
    taken: list[str] = []

    @settings(max_examples=150, deadline=None)
    @given(WORDS, WORDS, HEADERS)
    def take(method: str, path: str, header: str) -> None:
        scope = scope_of(method, (b"traceparent", header.encode("latin-1")))
        traces.write(scope, f"/{path}", traces.new_record(), 404)
        taken.append(header)

    take()
    traces.write(scope_of("BREW"), "/v1/trending", traces.new_record(), 405)
    traces.close(FLUSH_SECONDS)

    spans = collector.spans()
    unsampled = [header for header in taken if header.startswith(f"00-{TRACE}-{PARENT}-")]
    assert len(taken) + 1 - len(unsampled) <= len(spans) <= len(taken) + 1
    assert "_OTHER" in {span.name for span in spans}
    assert {span.parent_span_id.hex() for span in spans} <= {"", PARENT}


def test_a_queue_that_is_full_drops_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "8")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4")
    with Collector(hangs=True) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.settings["OTEL_EXPORTER_OTLP_ENDPOINT"])
        traces = OtlpTraces()
        for _ in range(500):
            traces.write(scope_of("GET"), "/v1/trending", traces.new_record(), 200)
        assert collector.asked.wait(FLUSH_SECONDS)
        traces.close(0.1)

        assert len(collector.spans()) == 4
        collector.resume()
        for thread in threading.enumerate():
            if thread.name == "closing traces":
                thread.join(FLUSH_SECONDS)
        assert len(collector.spans()) == 12, "the queue had room for eight more"


def test_a_timed_record_measures_what_a_record_does() -> None:
    record = TimedRecord()
    for name in ("store_read", "scoring", "store_read"):
        with record.phase(name):
            sum(range(1000))

    assert [name for name, _, _ in record.intervals] == ["store_read", "scoring", "store_read"]
    assert set(record.phases) == {"store_read", "scoring"}
    read = sum(end - begin for name, begin, end in record.intervals if name == "store_read") * 1000
    assert record.phases["store_read"] <= read


ENDPOINT = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {**ENDPOINT, "OTEL_SDK_DISABLED": "True"},
        {**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_traces_are_off_unless_they_are_wanted(environment: dict[str, str]) -> None:
    assert isinstance(start_traces(environment), NoTraces)


def test_without_the_packages_a_line_says_so(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setitem(sys.modules, "container.otlp_traces", None)  # an import of it fails

    assert isinstance(start_traces(ENDPOINT), NoTraces)

    assert "Install the extra `traces`" in caplog.text


@pytest.mark.usefixtures("collector")
def test_a_wrong_variable_costs_the_traces_only(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "100")  # less than a batch has by default

    assert isinstance(start_traces(), NoTraces)
    assert "no traces: max_export_batch_size" in caplog.text


def test_opentelemetry_is_imported_only_if_traces_are_wanted() -> None:
    program = (
        "import sys; from container.traces import start_traces; start_traces({}); print('opentelemetry' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(FUNCTIONS)}, capture_output=True, text=True, check=True
    )
    assert result.stdout == "False\n"
