"""The split by time."""

import numpy as np
import pytest

from model_export.data.sessions import Sessions
from model_export.data.split import first_day, last_day, split_by_time
from nextitem.errors import InputError
from tests.model_export.handmade import handmade

DAY = 86_400
NOON = 18_000 * DAY + DAY // 2


def starting_at(*starts: float) -> Sessions:
    """Sessions s0, s1, .. of two events, an hour apart."""
    times = np.repeat(np.array(starts, dtype=np.float64), 2)
    times[1::2] += 3_600
    return Sessions.from_events(
        catalogue=["a", "b"],
        ids=[f"s{index}" for index in range(len(starts))],
        owners=np.repeat(np.arange(len(starts)), 2),
        codes=np.tile(np.array([0, 1], dtype=np.int32), len(starts)),
        times=times,
        rows=np.arange(1, 2 * len(starts) + 1),
    )


def test_test_is_what_starts_in_the_last_utc_days() -> None:
    # GIVEN sessions at noon of three days, one that starts in the second day's last second and ends
    # in the third, and one at the very start of the third
    midnight = 18_002 * DAY
    sessions = starting_at(NOON, NOON + DAY, midnight - 1, midnight, NOON + 2 * DAY)
    # WHEN they are split by one day
    split = split_by_time(sessions, 1)
    # THEN the start alone decides, by calendar day
    assert split.train.ids == ["s0", "s1", "s2"]
    assert split.test.ids == ["s3", "s4"]
    assert split.cutoff == midnight
    assert split.by == "the sessions that start on the last 1 UTC days (2019-04-16 to 2019-04-16)"


def test_more_days_give_more_sessions_to_test() -> None:
    split = split_by_time(starting_at(NOON, NOON + DAY, NOON + 2 * DAY), 2)
    assert split.train.ids == ["s0"]
    assert split.test.ids == ["s1", "s2"]


def test_of_a_running_index_the_last_tenth_is_test() -> None:
    # GIVEN twenty sessions in random order, whose times are a running index
    starts = np.random.default_rng(7).permutation(20).astype(float)
    sessions = starting_at(*starts)
    # WHEN they are split
    split = split_by_time(sessions, 3)
    # THEN the two that start last are test, and the split says so
    assert sorted(split.test.starts.tolist()) == [18.0, 19.0]
    assert len(split.train) == 18
    assert split.cutoff == 18.0
    assert split.by == "the last 10% of sessions by start (times are only an order)"


def test_of_equal_starts_the_last_in_the_file_is_test() -> None:
    split = split_by_time(starting_at(*[0.0, 1.0] * 50), 3)
    assert split.test.ids == [f"s{number}" for number in range(81, 100, 2)]


def test_of_a_few_sessions_one_is_test() -> None:
    assert split_by_time(starting_at(0.0, 1.0, 2.0), 3).test.ids == ["s2"]


@pytest.mark.parametrize(
    ("starts", "days", "why"),
    [
        ([NOON, NOON + DAY], 2, "the split leaves train empty"),
        ([NOON, NOON + DAY], 10**9, r"\(0001-01-01 to 2019-04-15\)"),
        ([1.0], 1, "the split leaves train empty"),
        ([], 1, "there are no sessions to split"),
        ([NOON, NOON + DAY], 0, "at least 1 day, not 0"),
    ],
)
def test_a_split_with_an_empty_side_is_refused(starts: list[float], days: int, why: str) -> None:
    with pytest.raises(InputError, match=why):
        split_by_time(starting_at(*starts), days)


def test_both_sides_of_a_running_index_have_no_calendar() -> None:
    split = split_by_time(handmade(*["a b"] * 10, start=0), 3)
    assert (split.train.is_epoch, split.test.is_epoch) == (False, False)


def test_a_few_clocks_that_are_wrong_move_no_period() -> None:
    # GIVEN twenty sessions on each of five days, two that start weeks later, and two of 1970
    starts = [NOON + day * DAY + second for day in range(5) for second in range(20)]
    wrong = [NOON + 18 * DAY, NOON + 19 * DAY, 0.0, 1.0]
    # WHEN two days are test
    split = split_by_time(starting_at(*starts, *wrong), 2)
    # THEN they are the last two of the five; the late sessions are test too, and the rule says so
    assert split.cutoff == 18_003 * DAY
    assert (len(split.train), len(split.test)) == (60 + 2, 40 + 2)
    assert split.by == (
        "the sessions that start on the last 2 UTC days (2019-04-17 to 2019-04-18), and 2 that start later"
    )


@pytest.mark.parametrize(
    ("days", "first", "last"),
    [
        ({5: 1}, 5, 5),
        ({1: 1, 2: 1, 9: 1}, 1, 9),
        ({1: 100, 2: 100, 3: 10}, 1, 3),
        ({1: 100, 2: 100, 3: 9}, 1, 2),
        ({0: 3, 50: 100, 51: 90, **dict.fromkeys(range(60, 90), 2)}, 50, 51),
    ],
    ids=["one day", "one session a day", "a tenth of a day", "less", "many days of few sessions"],
)
def test_a_day_counts_with_a_tenth_of_a_typical_days_sessions(days: dict[int, int], first: int, last: int) -> None:
    assert (first_day(days), last_day(days)) == (first, last)
