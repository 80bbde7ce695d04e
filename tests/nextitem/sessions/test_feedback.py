"""What the next event says of the answer before it."""

import pytest

from nextitem.sessions.feedback import Feedback, feedback_on
from nextitem.sessions.session import Event, Impression, Status

SHOWN = Impression(b"c" * 16, "answer-1", "v1", "main", ("tea", "pot", "cup", "jug"))


def label(*, hits: int = 0, rank: float = 0.0, clicks: int = 0) -> Feedback:
    return Feedback("v1", "main", hits, rank, clicks)


def event(item_id: str, recommendation_id: str | None = None) -> Event:
    return Event(item_id, f"look-at-{item_id}", None, recommendation_id)


@pytest.mark.parametrize(
    ("item_id", "expected"),
    [("tea", label(hits=1, rank=1.0)), ("jug", label(hits=1, rank=0.25)), ("mug", label())],
    ids=["first", "fourth", "not there"],
)
def test_the_next_item_has_a_place_among_those_shown_or_none(item_id: str, expected: Feedback) -> None:
    assert feedback_on(SHOWN, [event(item_id)], ["applied"]) == expected


def test_only_the_first_new_event_is_the_answers_label() -> None:
    # GIVEN a batch: between its events nothing was shown
    events = [event("mug"), event("tea"), event("pot"), event("cup")]
    statuses: list[Status] = ["duplicate", "late", "applied", "applied"]
    assert feedback_on(SHOWN, events, statuses) == label(hits=1, rank=0.5)


@pytest.mark.parametrize("status", ["duplicate", "late"])
def test_an_event_that_is_not_next_is_no_label(status: Status) -> None:
    assert feedback_on(SHOWN, [event("tea", "answer-1")], [status]) is None


def test_where_nothing_was_shown_nothing_is_judged() -> None:
    assert feedback_on(None, [event("tea", "answer-1")], ["applied"]) is None


def test_a_click_names_the_answer_and_has_an_item_of_it() -> None:
    events = [event("cup", "answer-1"), event("mug", "answer-1"), event("tea", "answer-2"), event("pot")]
    assert feedback_on(SHOWN, events, ["applied"] * 4) == label(hits=1, rank=1 / 3, clicks=1)
