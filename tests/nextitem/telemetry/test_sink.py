"""The records of a process go to the sink that it was given; the sink for CloudWatch keeps the contract."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from nextitem.telemetry.record import RequestRecord, Telemetry
from nextitem.telemetry.sink import EmfSink, MetricsSink
from tests.nextitem.telemetry.sink_contract import SinkContract, Total


class ListSink:
    """Keeps each record."""

    def __init__(self) -> None:
        self.records: list[tuple[dict[str, str], dict[str, float], dict[str, str | int]]] = []
        self.prepared = 0

    def prepare(self) -> None:
        """Count the calls."""
        self.prepared += 1

    def write(
        self, dimensions: Mapping[str, str], values: Mapping[str, float], properties: Mapping[str, str | int]
    ) -> None:
        """Keep a record."""
        self.records.append(({**dimensions}, {**values}, {**properties}))


def test_another_sink_gets_every_record_and_stdout_none(capsys: pytest.CaptureFixture[str]) -> None:
    sink = ListSink()
    telemetry = Telemetry({}, "shop", sink=sink)
    record = RequestRecord()
    record.operation = "append_events"
    record.set_served_by("session", "v1", "main")
    record.phases["store_read"] = 1.23456

    telemetry.prepare()
    telemetry.emit(record, 503)

    ((dimensions, values, properties),) = sink.records
    assert sink.prepared == 1
    assert dimensions == {"stack": "shop", "model_version": "v1", "variant": "main", "served_by": "session"}
    assert (values["requests"], values["server_errors"], values["store_read_ms"]) == (1, 1, 1.23456)
    assert properties == {"operation": "append_events", "status": 503}
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("ready_first", "waited"), [(True, 0), (False, 1)])
def test_no_request_waits_for_a_process_that_is_ready_first(ready_first: bool, waited: int) -> None:
    sink = ListSink()
    telemetry = Telemetry({"import": 200.0}, "shop", sink=sink, ready_first=ready_first)

    telemetry.emit(RequestRecord(), 200)

    ((_, values, _),) = sink.records
    assert (values["cold_start"], values["slow"], values["cold_import_ms"]) == (waited, waited, 200.0)


class TestEmfSink(SinkContract):
    @pytest.fixture(autouse=True)
    def stdout(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    @contextmanager
    def started(self) -> Iterator[MetricsSink]:
        self.capsys.readouterr()
        yield EmfSink()

    def totals(self) -> dict[Total, float]:
        totals: dict[Total, float] = defaultdict(float)
        for line in map(json.loads, self.capsys.readouterr().out.splitlines()):
            for directive in line["_aws"]["CloudWatchMetrics"]:
                (names,) = map(tuple, directive["Dimensions"])
                for metric in directive["Metrics"]:
                    totals[metric["Name"], names, tuple(line[name] for name in names)] += line[metric["Name"]]
        return totals
