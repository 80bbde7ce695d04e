"""Log lines in the embedded metric format are parsed."""

import json
from typing import Any

import pytest

from devstack.top.records import BadRecord, parse_line
from nextitem.telemetry.serializer import serialize
from tests.devstack.top.emf_lines import NOW, VERSION, record

STACK = frozenset({("stack", "nextitem")})
BY_VERSION = STACK | {("model_version", VERSION), ("variant", "main")}
BY_SOURCE = STACK | {("served_by", "session")}


def read(document: dict[str, Any]) -> dict[tuple[str, frozenset[tuple[str, str]]], tuple[float, ...]]:
    return {
        (observation.key[1], observation.key[2]): observation.values for observation in parse_line(json.dumps(document))
    }


def test_each_directive_is_a_metric_in_its_own_dimensions() -> None:
    metrics = read(record(NOW, total_ms=0.7))

    assert {key[1] for key in metrics if key[0] == "total_ms"} == {STACK, BY_VERSION}
    assert {key[1] for key in metrics if key[0] == "requests"} == {STACK, BY_VERSION, BY_SOURCE}
    assert {key[1] for key in metrics if key[0] == "cold_start"} == {STACK}
    assert metrics["total_ms", BY_VERSION] == (0.7,)


def test_it_has_its_time_and_its_namespace() -> None:
    (first, *_) = parse_line(json.dumps(record(NOW + 0.25)))
    assert (first.at, first.key[0]) == (NOW + 0.25, "nextitem")


def test_a_value_may_be_a_list() -> None:
    assert read(record(NOW, total_ms=[1, 2.5]))["total_ms", STACK] == (1.0, 2.5)


def test_one_directive_may_have_several_dimension_sets() -> None:
    document = record(NOW)
    document["_aws"]["CloudWatchMetrics"] = [
        {"Namespace": "shop", "Dimensions": [["stack"], ["stack", "served_by"]], "Metrics": [{"Name": "requests"}]}
    ]
    assert read(document) == {("requests", STACK): (1.0,), ("requests", BY_SOURCE): (1.0,)}


def test_a_record_of_the_function_is_parsed() -> None:
    line = serialize({"stack": "shop"}, {"requests": 1, "total_ms": 3.25}, {"operation": "health"})
    at = json.loads(line)["_aws"]["Timestamp"] / 1000
    assert [(observation.at, observation.key[1], observation.values) for observation in parse_line(line)] == [
        (at, "requests", (1.0,)),
        (at, "total_ms", (3.25,)),
    ]


@pytest.mark.parametrize("line", ["", "Traceback (most recent call last):", '{"level": "WARNING"}'])
def test_other_lines_are_no_records(line: str) -> None:
    assert parse_line(line) == []


@pytest.mark.parametrize(
    "line",
    [
        '{"_aws": ',
        '{"_aws": 5}',
        '{"_aws": {}}',
        '["_aws"]',
        json.dumps({key: value for key, value in record(NOW).items() if key != "total_ms"}),
        json.dumps({key: value for key, value in record(NOW).items() if key != "served_by"}),
        json.dumps(record(NOW, total_ms="quick")),
        json.dumps(record(NOW, total_ms=None)),
    ],
)
def test_a_damaged_record_is_an_error(line: str) -> None:
    with pytest.raises(BadRecord):
        parse_line(line)
