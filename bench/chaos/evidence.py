"""What a session's calls say about its events: who sent what, what was acknowledged, and when. Knows no store."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.chaos.journal import FIRST_TIME, Call, SentEvent
from nextitem.sessions.codec import event_tag
from nextitem.sessions.session import WINDOW


@dataclass
class Evidence:
    """What is known of a session's events, by tag. Times are seconds of the monotonic clock.

    Attributes:
        sent: each event as it was sent.
        first_sent: when it was first sent.
        acknowledged: when it was first acknowledged.
        acknowledged_since: the same, of calls after what the fault may have destroyed.
        news: how often it was said to be new.
        news_since: the same, of calls after what the fault may have destroyed.
        ranks: the length of the session when the event came in, itself included.
        late: those said to be late by a session that was as long as its window, or longer.
        lengths: the lengths of the session in answers that said it was stored.
        nameless: events sent without an id whose answer, with the id, was never heard.
    """

    sent: dict[bytes, SentEvent] = field(default_factory=dict)
    first_sent: dict[bytes, float] = field(default_factory=dict)
    acknowledged: dict[bytes, float] = field(default_factory=dict)
    acknowledged_since: dict[bytes, float] = field(default_factory=dict)
    news: Counter[bytes] = field(default_factory=Counter)
    news_since: Counter[bytes] = field(default_factory=Counter)
    ranks: dict[bytes, int] = field(default_factory=dict)
    late: set[bytes] = field(default_factory=set)
    lengths: list[int] = field(default_factory=list)
    nameless: int = 0


def evidence_of(calls: Iterable[Call], destroyed_until: float | None) -> Evidence:
    """Return what a session's calls say.

    Args:
        calls: of one session.
        destroyed_until: when the fault was over that may have destroyed data, or None for one that destroys nothing.
    """
    told = Evidence()
    for call in sorted(calls, key=lambda one: one.ended):
        _add(told, call, since=destroyed_until is None or call.started >= destroyed_until)
    return told


def _add(told: Evidence, call: Call, *, since: bool) -> None:
    length = call.session_length or 0
    if call.stored:
        told.lengths.append(length)
    new: list[bytes] = []
    for place, event in enumerate(call.events):
        if not event.event_id:
            told.nameless += 1
            continue
        tag = event_tag(event.event_id)
        told.sent.setdefault(tag, event)
        told.first_sent[tag] = min(told.first_sent.get(tag, call.started), call.started)
        if not call.stored:
            continue
        told.acknowledged.setdefault(tag, call.ended)
        if since:
            told.acknowledged_since.setdefault(tag, call.ended)
        if call.statuses[place] == "late" and length >= WINDOW:
            told.late.add(tag)
        if call.statuses[place] in FIRST_TIME:
            new.append(tag)
    for tag in new:  # all of a batch come in at once, so no answer ever stood between them
        told.ranks[tag] = length
        told.news[tag] += 1
        told.news_since[tag] += since
