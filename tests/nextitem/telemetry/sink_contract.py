"""The contract of metrics sinks: the same records give the same totals, whatever they are written to."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextitem.telemetry.metrics import BY_PLACEMENT, CONTAINER_METRICS, METRICS, DimensionSet, Metric
from nextitem.telemetry.sink import MetricsSink

Record = tuple[dict[str, str], dict[str, float]]
"""The dimensions and the values of a record."""
Total = tuple[str, DimensionSet, tuple[str, ...]]
"""A metric's name, one of its dimension sets, and the values of these dimensions."""

WRITTEN = (*METRICS, *CONTAINER_METRICS)
_NEGATIVE = {"top_score"}
_PLACES = [{"placement": name} for name in ("home", "cart-page")]
_ANSWERS = [
    {"model_version": version, "variant": variant} for version in ("v1", "v2") for variant in ("main", "challenger")
]


def _value(metric: Metric) -> st.SearchStrategy[float]:
    if metric.unit == "Count":
        return st.integers(0, 5)
    lowest = -20 if metric.name in _NEGATIVE else 0
    return st.integers(lowest * 8, 8_000).map(lambda eighths: eighths / 8)  # sums are exact


@st.composite
def records(draw: st.DrawFn) -> Record:
    """A record as `Telemetry` writes them: of a request with or without an answer, of feedback, or of a fault."""
    dimensions = {"stack": "shop"}
    if draw(st.booleans()):
        dimensions |= draw(st.sampled_from(_ANSWERS))
        if draw(st.booleans()):
            dimensions["served_by"] = draw(st.sampled_from(("session", "popular")))
    if draw(st.booleans()):
        dimensions |= draw(st.sampled_from(_PLACES))
    chosen = draw(st.lists(st.sampled_from(WRITTEN), min_size=1, max_size=12, unique=True))
    return dimensions, {metric.name: draw(_value(metric)) for metric in chosen}


def expected(written: Sequence[Record]) -> dict[Total, float]:
    """Return the sum of each metric in each of its dimension sets."""
    totals: dict[Total, float] = defaultdict(float)
    described = {metric.name: metric for metric in WRITTEN}
    for dimensions, values in written:
        for name, value in values.items():
            for names in described[name].sets:
                if set(names) <= dimensions.keys():
                    totals[name, names, tuple(dimensions[each] for each in names)] += value
    return totals


class SinkContract(ABC):
    """What each sink must do. A subclass makes a sink and reads what it has written."""

    @abstractmethod
    def started(self) -> AbstractContextManager[MetricsSink]:
        """Give a new sink that has written nothing."""

    @abstractmethod
    def totals(self) -> Mapping[Total, float]:
        """Return what a reader of the sink's output adds up, while the sink is there; times in milliseconds."""

    def written_totals(self, written: Sequence[Record]) -> Mapping[Total, float]:
        """Write records to a new sink, and return the totals."""
        with self.started() as sink:
            sink.prepare()
            for dimensions, values in written:
                sink.write(dimensions, values, {"operation": "recommend", "status": 200})
            return self.totals()

    def test_the_same_records_give_the_same_totals(self) -> None:
        @settings(max_examples=40, deadline=None)
        @given(written=st.lists(records(), min_size=1, max_size=6))
        def check(written: list[Record]) -> None:
            wanted = {total: value for total, value in expected(written).items() if value}
            found = {total: value for total, value in self.written_totals(written).items() if value}
            assert found.keys() == wanted.keys()
            assert [found[total] for total in wanted] == pytest.approx(list(wanted.values()))

        check()

    def test_a_metric_counts_in_each_of_its_dimension_sets(self) -> None:
        dimensions = {"stack": "shop", "model_version": "v1", "variant": "main", "served_by": "session"}
        home = {**dimensions, "placement": "home"}

        found = self.written_totals([(dimensions, {"requests": 1, "clicks": 1}), (home, {"requests": 1, "clicks": 2})])

        assert found["requests", ("stack",), ("shop",)] == 2
        assert found["requests", ("stack", "served_by"), ("shop", "session")] == 2
        assert found["clicks", ("stack", "model_version", "variant"), ("shop", "v1", "main")] == 3
        assert found["clicks", BY_PLACEMENT, ("shop", "home")] == 2

    def test_a_metric_that_is_not_described_is_refused(self) -> None:
        with self.started() as sink, pytest.raises(KeyError, match="surprises"):
            sink.write({"stack": "shop"}, {"surprises": 1}, {})


def add_up(series: Mapping[tuple[str, tuple[tuple[str, str], ...]], float]) -> dict[Total, float]:
    """Return the totals of series: name of the metric and labels -> value."""
    totals: dict[Total, float] = defaultdict(float)
    described = {metric.name: metric for metric in WRITTEN}
    for (name, labels), value in series.items():
        present = {label: text for label, text in labels if text}
        for names in described[name].sets:
            if set(names) <= present.keys():
                totals[name, names, tuple(present[each] for each in names)] += value
    return totals
