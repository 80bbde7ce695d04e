"""The learning loop's lines of the estimate."""

import pytest

from model_export.cost.estimate import Deployment, cost_of
from model_export.cost.learning import MERGED_HOURS_READ, UNMERGED_HOURS_READ, lake_files
from model_export.cost.monitoring import learning_monitoring_cost


def added(rps: float, training_hours: float = 1.0) -> dict[str, float]:
    """Return the lines that the loop adds."""
    with_loop = cost_of(Deployment(rps, learning=True, training_hours=training_hours)).lines
    without = cost_of(Deployment(rps)).lines
    assert {name: with_loop[name] for name in without} == without
    return {name: dollars for name, dollars in with_loop.items() if name not in without}


def test_the_lake_costs_by_its_events_until_each_stream_has_a_file_in_each_run() -> None:
    few, many, more = (added(rps)["Lake: objects"] for rps in (0.01, 10, 100))
    assert few < 1
    assert many == pytest.approx(more, rel=0.05)
    # A PUT of each file. Each hour a look reads those of six hours, and drift those of 25, until they are merged
    files, merged = 96 * 30 * 256, 24 * 30
    assert many == pytest.approx(((files + merged) * 0.005 + (21.4 * files + 34.6 * merged) * 0.0004) / 1000, rel=0.001)


def test_drift_meets_as_many_unmerged_hours_as_the_schedule_leaves() -> None:
    # At each minute of a day: the compaction runs at 02:30, and an hour is complete three hours after its end
    unmerged = [min(25.0, (minute / 60 - 2.5) % 24 + 3.5) for minute in range(24 * 60)]
    of_drift = sum(unmerged) / len(unmerged)
    assert pytest.approx(of_drift, abs=0.1) == UNMERGED_HOURS_READ - 6
    assert pytest.approx(2 * 25 - of_drift, abs=0.1) == MERGED_HOURS_READ


def test_a_day_of_files_becomes_one_for_each_hour() -> None:
    # GIVEN a shop whose collector writes 192 files a day
    count = lake_files(192 * 30)
    assert (count.sources / 30, count.merged / 30, count.kept) == (192, 24, 24 * 400)
    # AND a busy one, whose hours need several merged files of 64 MiB
    busy = lake_files(10e9)
    assert busy.merged == pytest.approx(10e9 * 40 / 2**26)
    assert busy.sources == 10e9 / 5_000
    # AND a quiet one: no more merged files than there were
    assert lake_files(100).merged == 100


def test_a_compaction_reads_the_files_of_a_day_and_all_that_are_left() -> None:
    # Each day the 192 files of a day and the 9,600 merged ones are listed three times, and read
    kept = 24 * 400
    lists = 3 * 30 * (kept + 192) / 1000 * 0.005 / 1000
    assert added(192 / 86_400)["Lake: compaction"] == pytest.approx(lists + (192 * 30 + 30 * kept) * 0.0004 / 1000)


def test_storage_grows_with_events() -> None:
    # An event is smaller in a full file
    assert added(10)["Lake: storage"] == pytest.approx(10 * added(1)["Lake: storage"])
    assert added(1)["Lake: storage"] == pytest.approx(10 * 40 / 100 * added(0.1)["Lake: storage"])


def test_training_costs_by_its_hours() -> None:
    none, two = (added(1, hours)["Learning: training, on demand"] for hours in (0, 2))
    assert none == 0
    assert two == pytest.approx(52 / 12 * 2 * 0.461)


def test_a_quiet_shop_pays_little_for_the_loop() -> None:
    assert sum(added(0.01).values()) < 14


def test_every_function_counts() -> None:
    # 96 runs of a day with a file of 0.3 s for each of 256 streams, in 1,769 MB; drift and decider at each hour
    collector = 96 * 30 * 256 * (0.3 + 0.005) * 1769 / 1024 * 0.0000166667
    assert added(100)["Learning: functions"] > collector + 24 * 30 * 60 * (1769 + 3008) / 1024 * 0.0000166667


def test_each_version_has_metrics_of_drift_of_its_own() -> None:
    # Drift has four metrics by version
    one, two, three = (learning_monitoring_cost(versions).metrics / 0.30 for versions in (1, 2, 3))
    assert two - one == pytest.approx(4)
    assert three - two == pytest.approx(4)
    assert added(1)["Learning: metrics"] == pytest.approx(two * 0.30)
    assert added(1)["Learning: alarms"] == pytest.approx(12 * 0.10 + 2 * 0.50)
