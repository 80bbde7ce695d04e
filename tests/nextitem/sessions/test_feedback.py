"""Feedback on answers, from the events after them."""

import pytest

from nextitem.event_types import VIEW
from nextitem.sessions.codec import event_tag, next_chain, recommendation_id
from nextitem.sessions.feedback import Feedback, feedback_on
from nextitem.sessions.session import Answerer, Event, Impression, LogEntry, SessionKey, SessionRecord, Status
from tests.nextitem.parts import HASH_KEY

KEY = SessionKey("key", HASH_KEY)
ANSWERING = Answerer("v1", "main")
SHOWN = Impression(b"c" * 16, "answer-1", "v1", "main", ("tea", "pot", "cup", "jug"), "1")
SHOWN_BY = Answerer("v1", "main", "1")


def event(item_id: str, answer: str | None = None, kind: str = VIEW) -> Event:
    return Event(item_id, f"{kind}-{item_id}", None, answer, kind)


def record_of(*events: Event) -> SessionRecord:
    """A session of these events."""
    log: list[LogEntry] = []
    for at, each in enumerate(events):
        tag = event_tag(HASH_KEY, each.event_id)
        chain = next_chain(log[-1].chain if log else b"", tag, each.item_id, each.type)
        log.append(LogEntry(at, tag, each.item_id, chain, each.type))
    return SessionRecord(len(log), tuple(log), None)


def feedback(
    events: list[Event],
    statuses: list[Status] | None = None,
    *,
    before: tuple[Event, ...] = (),
    impression: Impression | None = SHOWN,
    by: Answerer = ANSWERING,
) -> tuple[Feedback, ...]:
    """The feedback of some events after others; without statuses all are new."""
    given = statuses or ["applied"] * len(events)
    new = [each for each, status in zip(events, given, strict=True) if status == "applied"]
    return feedback_on(KEY, record_of(*before, *new), impression, events, given, by)


def answer_after(*events: Event, placement: str | None = None, version: str = "v1") -> str:
    """The id of the answer that a session of these events was given."""
    return recommendation_id(HASH_KEY, record_of(*events).log[-1].chain, version, "main", placement)


@pytest.mark.parametrize(
    ("item_id", "rank"), [("tea", 1), ("jug", 4), ("mug", 0)], ids=["first", "fourth", "not there"]
)
def test_the_next_item_has_a_rank_among_the_recommended_ones_or_none(item_id: str, rank: int) -> None:
    assert feedback([event(item_id)]) == (Feedback(SHOWN_BY, rank),)


def test_only_the_first_new_event_of_a_request_is_the_label() -> None:
    events = [event("mug"), event("tea"), event("pot"), event("cup")]
    assert feedback(events, ["duplicate", "late", "applied", "applied"]) == (Feedback(SHOWN_BY, 2),)


def test_an_action_on_the_item_at_hand_is_no_label() -> None:
    # GIVEN a visitor who looks at tea
    before = (event("mug"), event("tea"))
    # WHEN they put it in the cart THEN nothing is judged; the view after it, in one request with it, is the label
    assert feedback([event("tea", kind="cart")], before=before) == ()
    events = [event("tea", kind="cart"), event("tea", kind="purchase"), event("cup")]
    assert feedback(events, before=before) == (Feedback(SHOWN_BY, 3),)
    # AND an item that is viewed again, or another one that goes into the cart, is a label
    assert feedback([event("tea")], before=before) == (Feedback(SHOWN_BY, 1),)
    assert feedback([event("pot", kind="cart")], before=before) == (Feedback(SHOWN_BY, 2),)


@pytest.mark.parametrize("status", ["duplicate", "late"])
def test_a_late_or_repeated_event_is_neither_label_nor_click(status: Status) -> None:
    assert feedback([event("tea", "answer-1")], [status]) == ()


def test_without_an_impression_there_is_no_feedback() -> None:
    assert feedback([event("tea", "answer-1")], impression=None) == ()


def test_a_click_names_the_answer_and_one_of_its_items() -> None:
    events = [event("cup", "answer-1"), event("mug", "answer-1"), event("tea", "answer-2"), event("pot")]
    assert feedback(events) == (Feedback(SHOWN_BY, 3, clicks=1),)


def test_a_conversion_straight_from_the_newest_answer_is_a_click_too() -> None:
    events = [event("cup", "answer-1", "cart"), event("mug", "answer-1", "cart"), event("tea", "answer-1", "search")]
    assert feedback(events) == (Feedback(SHOWN_BY, 3, clicks=2, conversions={"cart": 1}),)


def test_a_conversion_counts_for_the_earlier_answer_that_led_to_it() -> None:
    # GIVEN an answer for the home page after mug, a click from it on tea, and other events since
    mug, tea, cup = event("mug"), event("tea"), event("cup")
    first = answer_after(mug, placement="home")
    # WHEN tea goes into the cart, and is bought later, each time naming that answer
    events = [event("tea", first, "cart"), event("tea", first, "purchase"), event("jug", first)]
    answered = feedback(events, before=(mug, tea, cup))
    # THEN both count for the home page, beside the label of the newest answer; a view of an old answer is no click
    home = Answerer("v1", "main", "home")
    assert answered == (Feedback(SHOWN_BY, 1), Feedback(home, conversions={"cart": 1, "purchase": 1}))
    # AND without an impression they count as well, and if they come late
    [late] = feedback(events[1:2], ["late"], before=(mug, tea, cup), impression=None)
    assert late == Feedback(home, conversions={"purchase": 1})
    # AND a repeat does not
    assert feedback(events[:1], ["duplicate"], before=(mug, tea, cup)) == ()


@pytest.mark.parametrize(
    "answer",
    [
        answer_after(event("mug"), placement="home").replace("home", "cart"),
        answer_after(event("mug"), version="v0"),
        answer_after(event("pot")),
        "made up",
        "-home",
    ],
    ids=["placement", "version", "session", "words", "only a placement"],
)
def test_an_answer_that_the_session_was_not_given_has_no_conversions(answer: str) -> None:
    assert feedback([event("mug", answer, "purchase")], before=(event("mug"),), impression=None) == ()
