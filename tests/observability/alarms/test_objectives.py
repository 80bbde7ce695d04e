"""Which alarms page, which open a ticket, and which stay silent."""

import pytest

from nextitem.telemetry.metrics import Metric
from observability.alarms.catalogue import ALARMS, COMPOSITES
from observability.alarms.evaluation import active_suppressor, evaluate_alarms
from observability.alarms.objectives import BURNS, window_text
from observability.rendering.template import DEFAULTS
from tests.observability.alarms.measured import NOW, ByMinute, Minutes, traffic

HOUR, DAY = 60, 24 * 60
"""Minutes."""


def notifying(minutes: Minutes) -> set[str]:
    """Return the names of the alarms that notify and are not silenced."""
    evaluations = evaluate_alarms(ALARMS, COMPOSITES, ByMinute(minutes), NOW, DEFAULTS)
    return {
        each.alarm.name
        for each in evaluations
        if each.state == "ALARM"
        and each.alarm.notifies is not None
        and active_suppressor(each.alarm, evaluations) is None
    }


def slow(share: float, since: int, until: int = 0) -> Minutes:
    """A thousand requests a minute, of which a share was slow from `since` to `until` minutes ago."""

    def minutes(ago: int) -> dict[Metric, float]:
        return traffic(1_000, slow=1_000 * share if until <= ago < since else 0)

    return minutes


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        pytest.param(slow(0, 0), set(), id="no slow request"),
        pytest.param(slow(0.005, 3 * DAY), set(), id="half of the budget for three days"),
        pytest.param(slow(0.011, 3 * DAY), {"latency-ticket"}, id="the budget for three days"),
        pytest.param(slow(0.021, HOUR), {"latency-page"}, id="twice the budget for an hour"),
        pytest.param(slow(0.021, HOUR // 2), set(), id="twice the budget for half an hour"),
        pytest.param(slow(1, 2), {"latency-page"}, id="all requests for two minutes"),
        pytest.param(slow(1, 20, 10), set(), id="all requests for ten minutes, ten minutes ago"),
        pytest.param(slow(0.08, 5 * HOUR), {"latency-page"}, id="eight times the budget for five hours"),
    ],
)
def test_slow_requests(minutes: Minutes, expected: set[str]) -> None:
    assert notifying(minutes) == expected


def test_failing_requests_page() -> None:
    assert notifying(lambda ago: traffic(1_000, server_errors=5 if ago < HOUR else 0)) == {"availability-page"}


def test_a_few_bad_requests_on_a_quiet_night_stay_silent() -> None:
    # Ten requests an hour; the last five were slow and failed.
    assert (
        notifying(lambda ago: traffic(1, slow=1, server_errors=1) if ago % 6 == 0 and ago < HOUR // 2 else {}) == set()
    )


@pytest.mark.parametrize(
    ("sums", "expected"),
    [
        ({"store_faults": 1_000, "slow": 900, "server_errors": 50}, {"store-down"}),
        ({"server_errors": 900, "slow": 900}, {"availability-page"}),
        ({"labels": 500, "hits_20": 5, "store_faults": 1_000}, {"store-down"}),
    ],
)
def test_one_cause_pages_once(sums: dict[str, float], expected: set[str]) -> None:
    assert notifying(lambda _: traffic(1_000, **sums)) == expected


@pytest.mark.parametrize(("labels", "hits", "expected"), [(500, 5, {"bad-model"}), (500, 250, set()), (5, 0, set())])
def test_a_low_hit_rate_of_enough_events_pages(labels: int, hits: int, expected: set[str]) -> None:
    assert notifying(lambda _: traffic(1_000, labels=labels, hits_20=hits)) == expected


@pytest.mark.parametrize(
    ("sums", "expected"),
    [
        ({"store_faults": 30}, "store-faults-ticket"),
        ({"cold_start": 80}, "cold-start-storm"),
        ({"restore_ms": 60}, "restore-slow"),
        ({"route_faults": 1}, "route-faults"),
        ({"unknown_items": 250}, "unknown-items"),
    ],
)
def test_other_faults_open_a_ticket(sums: dict[str, float], expected: str) -> None:
    assert notifying(lambda _: traffic(1_000, **sums)) == {expected}


def test_burn_rates_are_those_of_the_sre_workbook_and_one_more() -> None:
    # https://sre.google/workbook/alerting-on-slos/, table 5-8: budget consumed, long and short window, burn rate
    rates = {(round(burn.spent, 4), window_text(burn.long), window_text(burn.short), burn.rate) for burn in BURNS}
    assert rates == {(0.02, "1h", "5m", 14.4), (0.05, "6h", "30m", 6), (0.1, "3d", "6h", 1), (0.0028, "1h", "5m", 2)}
    # The short window ends the alarm soon, because it is at most a twelfth of the long one.
    assert all(burn.short * 12 <= burn.long for burn in BURNS)
