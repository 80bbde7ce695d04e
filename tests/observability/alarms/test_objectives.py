"""Burning error budgets: what pages, what writes a ticket, and what nobody needs to hear of."""

import pytest

from nextitem.telemetry import metrics
from nextitem.telemetry.metrics import Metric
from observability.alarms.catalogue import ALARMS, COMPOSITES
from observability.alarms.evaluation import judge_all, suppressor
from observability.alarms.objectives import BURNS, OBJECTIVES, window_text
from observability.rendering.template import DEFAULTS
from tests.observability.alarms.measured import NOW, ByMinute, Minutes, traffic

HOUR, DAY = 60, 24 * 60
"""Minutes."""


def told(minutes: Minutes) -> set[str]:
    """Names of the alarms that notify somebody now, none of them silenced."""
    judged = judge_all(ALARMS, COMPOSITES, ByMinute(minutes), NOW, DEFAULTS)
    return {
        one.alarm.name
        for one in judged
        if one.state == "ALARM" and one.alarm.notifies is not None and suppressor(one.alarm, judged) is None
    }


def slow(share: float, since: int, until: int = 0) -> Minutes:
    """A thousand requests a minute, so large a share of them slow from so many minutes ago on."""

    def minutes(ago: int) -> dict[Metric, float]:
        return traffic(1_000, slow=1_000 * share if until <= ago < since else 0)

    return minutes


@pytest.mark.parametrize(
    ("what", "minutes", "expected"),
    [
        ("nothing", slow(0, 0), set()),
        ("half of the budget, for ever", slow(0.005, 3 * DAY), set()),
        ("the budget and a little, for three days", slow(0.011, 3 * DAY), {"latency-ticket"}),
        ("twice the budget and a little, for an hour", slow(0.021, HOUR), {"latency-page"}),
        ("the same, for half an hour", slow(0.021, HOUR // 2), set()),
        ("everything, for two minutes", slow(1, 2), {"latency-page"}),
        ("everything for ten minutes, over since ten minutes", slow(1, 20, 10), set()),
        ("six times the budget, for five hours", slow(0.08, 5 * HOUR), {"latency-page"}),
    ],
)
def test_slow_requests(what: str, minutes: Minutes, expected: set[str]) -> None:
    assert told(minutes) == expected, what


def test_failing_requests_page() -> None:
    assert told(lambda ago: traffic(1_000, server_errors=5 if ago < HOUR else 0)) == {"availability-page"}


def test_a_few_bad_requests_on_a_quiet_night_page_nobody() -> None:
    # GIVEN ten requests an hour, all of them slow and failed for the last half of it
    def minutes(ago: int) -> dict[Metric, float]:
        return traffic(1, slow=1, server_errors=1) if ago % 6 == 0 and ago < HOUR // 2 else {}

    # THEN that is five, and nobody is woken
    assert told(minutes) == set()


def test_one_cause_pages_once() -> None:
    # GIVEN a store that is down: every request meets it, waits for it, and deletions fail
    def minutes(ago: int) -> dict[Metric, float]:
        return traffic(1_000, **({"store_faults": 1_000, "slow": 900, "server_errors": 50} if ago < HOUR else {}))

    # THEN it is told of, and not what follows from it
    assert told(minutes) == {"store-down"}


def test_failures_that_make_answers_slow_page_once() -> None:
    assert told(lambda ago: traffic(1_000, server_errors=900, slow=900)) == {"availability-page"}


def test_a_model_that_recommends_nothing_of_use_pages_unless_the_store_is_why() -> None:
    assert told(lambda _: traffic(1_000, labels=500, hits_20=5)) == {"bad-model"}
    assert told(lambda _: traffic(1_000, labels=500, hits_20=250)) == set()
    assert told(lambda _: traffic(1_000, labels=5, hits_20=0)) == set()
    assert told(lambda _: traffic(1_000, labels=500, hits_20=5, store_faults=1_000)) == {"store-down"}


@pytest.mark.parametrize(
    ("what", "sums", "expected"),
    [
        ("store that faults now and then", {"store_faults": 30}, {"store-faults-ticket"}),
        ("cold starts", {"cold_start": 80}, {"cold-start-storm"}),
        ("sessions that take long to restore", {"restore_ms": 60}, {"restore-slow"}),
        ("a route that cannot be read", {"route_faults": 1}, {"route-faults"}),
        ("items that the model does not know", {"unknown_items": 0.5}, {"unknown-items"}),
    ],
)
def test_what_writes_a_ticket(what: str, sums: dict[str, float], expected: set[str]) -> None:
    assert told(lambda _: traffic(1_000, **sums)) == expected, what


def test_burn_rates_are_those_of_the_sre_workbook_and_one_more() -> None:
    # https://sre.google/workbook/alerting-on-slos/, table 5-8: budget consumed, long and short window, burn rate
    rates = {(round(burn.spent, 4), window_text(burn.long), window_text(burn.short), burn.rate) for burn in BURNS}
    assert rates == {(0.02, "1h", "5m", 14.4), (0.05, "6h", "30m", 6), (0.1, "3d", "6h", 1), (0.0028, "1h", "5m", 2)}
    # AND the short window is there to see that it ends: at most a twelfth of the long one
    assert all(burn.short * 12 <= burn.long for burn in BURNS)


def test_objectives_are_what_was_promised() -> None:
    assert {(each.name, each.target) for each in OBJECTIVES} == {("availability", 0.999), ("latency", 0.99)}
    assert metrics.SLOW_MS == 150
