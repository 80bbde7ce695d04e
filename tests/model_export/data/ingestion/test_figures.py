"""The warnings of a summary: each has its bound, its figure, and the option that helps."""

from typing import Any

import msgspec
import pytest

from model_export.data.ingestion.figures import Gap, Heavy, Lengths, few_targets, unknown_items
from tests.model_export.made_figures import GOOD


def test_good_events_have_no_warning() -> None:
    assert list(GOOD.warnings()) == []


@pytest.mark.parametrize(
    ("changes", "starts", "names"),
    [
        (
            {"types": {"view": 10_000}, "kept_types": ("view", "cart")},
            "no event is of the type cart, which --keep names",
            "view 10,000",
        ),
        ({"collapse": "nothing"}, "30 % of the events repeat the item right before", "--collapse repeats"),
        ({"collapse": "duplicates"}, "27 % of the events repeat the item right before", "--collapse repeats"),
        ({"tied": 501}, "5.01 % of the events share their time", "--time-column"),
        ({"long": 21}, "21 of 2,000 sessions last longer than 24 hours", "--session-column USER"),
        ({"lengths": Lengths(1, 2, 3, 1_001)}, "50 % of the sessions have one event", "--user-column"),
        (
            {"lengths": Lengths(1, 2, 3, 1_001), "by_user": True},
            "50 % of the sessions have one event",
            "learnt from them. If a visit pauses for longer: a larger --gap-minutes",
        ),
        ({"heaviest": (Heavy("bot", 1_000),)}, "session 'bot' has 10 % of the events (1,000)", "--max-session"),
        (
            {
                "heaviest": (Heavy("bot", 6_000), Heavy("crawler", 3_000), Heavy("a", 90)),
                "by_user": True,
                "collapse": "repeats",
                "dropped": {"repeats": 20_000},
            },
            "user 'bot' has 20 % of the events (6,000), and 'crawler' has 10 % of the events (3,000): a bot",
            "--max-session",
        ),
        ({"late": 2, "latest": "2026-02-14"}, "2 sessions start after 2026-01-31", "2026-02-14"),
        ({"early": 1, "earliest": "1970-01-01"}, "1 sessions start before 2026-01-01", "1970-01-01"),
        (
            {"gaps": (Gap("2026-01-10", "2026-01-13", 4),)},
            "no session starts from 2026-01-10 to 2026-01-13 (4 days)",
            "complete",
        ),
    ],
)
def test_a_warning_names_its_figure_and_the_option(changes: dict[str, Any], starts: str, names: str) -> None:
    [warning] = msgspec.structs.replace(GOOD, **changes).warnings()
    assert warning.startswith(starts)
    assert names in warning


@pytest.mark.parametrize(
    "changes", [{"late": 20, "latest": "2026-02-01"}, {"early": 20, "earliest": "2025-12-31"}], ids=["late", "early"]
)
def test_the_ends_of_local_days_need_no_warning(changes: dict[str, Any]) -> None:
    # GIVEN sessions on the UTC day before or after, as an export by days of UTC+2 or UTC-5 has
    assert list(msgspec.structs.replace(GOOD, **changes).warnings()) == []


def test_types_that_were_chosen_need_no_warning() -> None:
    chosen = msgspec.structs.replace(GOOD, types={"view": 9_000, "cart": 1_000}, kept_types=("view", "cart"))
    assert list(chosen.warnings()) == []


def test_sessions_that_were_cut_from_users_may_be_long() -> None:
    assert list(msgspec.structs.replace(GOOD, by_user=True, long=2_000).warnings()) == []


def test_the_lines_say_what_was_dropped() -> None:
    dropped = {"other types": 1_000, "repeats": 3_000}
    lines = msgspec.structs.replace(GOOD, rows=14_000, dropped=dropped, types={"view": 13_000, "": 1_000}).lines()
    assert lines == [
        "14,000 rows, 10,000 events count; dropped: other types 1,000, repeats 3,000",
        "2,000 sessions, 100 items, 2026-01-01 to 2026-01-31",
        "events of a session: median 4, 95 % up to 12, longest 80; 50 % of the sessions have one",
        "types: view 13,000, (none) 1,000",
    ]


def test_few_targets_say_how_uncertain_they_are() -> None:
    assert list(few_targets("test", 500)) == []
    [warning] = few_targets("test", 26)
    assert warning.startswith("test has 26 targets: a hit rate on so few is uncertain by up to 19 points")


def test_many_unknown_items_are_a_warning_with_ids_of_both_sides() -> None:
    ids = "Ids of test are such as 'item-1'; of train such as '1'"
    assert list(unknown_items(100, 10, "train", "are not predicted", ids)) == []
    assert list(unknown_items(0, 0, "train", "are not predicted", ids)) == []
    [warning] = unknown_items(100, 11, "train", "are not predicted", ids)
    assert warning == (
        "11 % of the test events have an item that train does not have; they are not predicted. Ids of test are such "
        "as 'item-1'; of train such as '1'"
    )
