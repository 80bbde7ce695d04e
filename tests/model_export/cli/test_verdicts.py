"""What tables say of a verdict."""

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from model_export.cli.verdicts import outcome_today
from tests.nextitem.registry.test_verdicts import PASSED

JUDGED = datetime.fromisoformat(PASSED.judged_at)


@pytest.mark.parametrize(
    ("days", "passed", "shown"),
    [
        (0, True, "passed"),
        (14, True, "passed"),
        (14.01, True, "passed, older than 14 days"),
        (14.01, False, "did not pass"),
    ],
)
def test_a_verdict_that_passed_is_not_called_so_once_it_lets_nothing_through(
    days: float, passed: bool, shown: str
) -> None:
    assert outcome_today(replace(PASSED, passed=passed), JUDGED + timedelta(days=days)) == shown


def test_a_verdict_without_a_time_lets_nothing_through() -> None:
    assert outcome_today(replace(PASSED, judged_at="?"), JUDGED) == "passed, without a time"
