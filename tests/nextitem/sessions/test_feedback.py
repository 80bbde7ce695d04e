"""Feedback on an answer, from the events after it."""

import pytest

from nextitem.sessions.feedback import Feedback, feedback_on
from nextitem.sessions.session import Event, Impression, Status

SHOWN = Impression(b"c" * 16, "answer-1", "v1", "main", ("tea", "pot", "cup", "jug"))


def feedback(*, hits: int = 0, rank: float = 0.0, clicks: int = 0) -> Feedback:
    return Feedback("v1", "main", hits, rank, clicks)


def event(item_id: str, recommendation_id: str | None = None) -> Event:
    return Event(item_id, f"look-at-{item_id}", None, recommendation_id)


@pytest.mark.parametrize(
    ("item_id", "expected"),
    [("tea", feedback(hits=1, rank=1.0)), ("jug", feedback(hits=1, rank=0.25)), ("mug", feedback())],
    ids=["first", "fourth", "not there"],
)
def test_the_next_item_has_a_rank_among_the_recommended_ones_or_none(item_id: str, expected: Feedback) -> None:
    assert feedback_on(SHOWN, [event(item_id)], ["applied"]) == expected


def test_only_the_first_new_event_of_a_request_is_the_label() -> None:
    events = [event("mug"), event("tea"), event("pot"), event("cup")]
    statuses: list[Status] = ["duplicate", "late", "applied", "applied"]
    assert feedback_on(SHOWN, events, statuses) == feedback(hits=1, rank=0.5)


@pytest.mark.parametrize("status", ["duplicate", "late"])
def test_a_late_or_repeated_event_is_no_label(status: Status) -> None:
    assert feedback_on(SHOWN, [event("tea", "answer-1")], [status]) is None


def test_without_an_impression_there_is_no_feedback() -> None:
    assert feedback_on(None, [event("tea", "answer-1")], ["applied"]) is None


def test_a_click_names_the_answer_and_one_of_its_items() -> None:
    events = [event("cup", "answer-1"), event("mug", "answer-1"), event("tea", "answer-2"), event("pot")]
    assert feedback_on(SHOWN, events, ["applied"] * 4) == feedback(hits=1, rank=1 / 3, clicks=1)
