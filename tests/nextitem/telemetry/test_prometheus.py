"""Names, kinds and labels in Prometheus follow from the descriptions of the metrics."""

import re

from nextitem.telemetry import metrics
from nextitem.telemetry.prometheus import EXPOSED, GAUGES, base_name, buckets, kind, labels, series_names


def test_a_time_is_a_histogram_in_seconds() -> None:
    assert kind(metrics.TOTAL) == "histogram"
    assert base_name(metrics.TOTAL) == "nextitem_total_seconds"
    assert series_names(metrics.TOTAL)[0] == "nextitem_total_seconds_bucket"


def test_a_count_is_a_counter_and_other_values_are_summaries() -> None:
    assert series_names(metrics.HITS) == ("nextitem_hits_20_total",)
    assert series_names(metrics.TOP_SCORE) == ("nextitem_top_score_sum", "nextitem_top_score_count")


def test_labels_are_the_dimensions_of_all_sets() -> None:
    assert labels(metrics.REQUESTS) == ("stack", "model_version", "variant", "served_by")
    assert labels(metrics.CLICKS) == ("stack", "model_version", "variant", "placement")
    assert labels(metrics.REFUSED) == ("stack",)


def test_the_limits_of_the_service_are_bounds_of_buckets() -> None:
    assert {0.05, metrics.SLOW_MS / 1000} <= set(buckets(metrics.TOTAL))
    for metric in EXPOSED:
        assert list(buckets(metric)) == sorted(set(buckets(metric)))


def test_names_are_valid_and_different() -> None:
    names = [name for metric in EXPOSED for name in series_names(metric)] + [gauge.name for gauge in GAUGES]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"nextitem_[a-z0-9_]+", name) for name in names)
