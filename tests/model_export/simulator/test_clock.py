"""The starts of visits."""

import math
from datetime import UTC, datetime

import pytest

from model_export.simulator import DAYS, START, Session, Shop


def hour(session: Session) -> int:
    return datetime.fromtimestamp(session.times[0], UTC).hour


@pytest.mark.slow
def test_more_people_shop_in_the_evening_than_at_night(traffic: tuple[Session, ...]) -> None:
    evening = sum(19 <= hour(session) <= 21 for session in traffic)
    night = sum(2 <= hour(session) <= 4 for session in traffic)
    assert 0 < 5 * night < evening


@pytest.mark.slow
def test_traffic_fills_the_whole_period(traffic: tuple[Session, ...]) -> None:
    days = [int((session.times[0] - START) // 86400) for session in traffic]
    share = len(traffic) / DAYS
    assert all(days.count(day) == pytest.approx(share, rel=0.1) for day in range(int(DAYS)))


@pytest.mark.parametrize("days", [0, -1, 0.1, math.nan, math.inf, 1e9])
def test_an_unusable_length_is_refused(shop: Shop, days: float) -> None:
    with pytest.raises(ValueError, match="days"):
        shop.sessions(1, seed=1, days=days)


@pytest.mark.parametrize("start", [-1, math.nan, math.inf, 253_402_300_799])
def test_an_unusable_start_is_refused(shop: Shop, start: float) -> None:
    with pytest.raises(ValueError, match="1970 to 9999"):
        shop.sessions(1, seed=1, start=start)
