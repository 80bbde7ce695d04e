"""The evidence on a session's events that its calls give: sent, acknowledged, and when."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.chaos.journal import FIRST_TIME, Call, SentEvent
from devstack.stack import KEY_SECRET
from nextitem.sessions.codec import event_tag
from nextitem.sessions.keys import session_key


@dataclass
class Evidence:
    """The evidence on a session's events, by tag. Times are seconds of the monotonic clock.

    Attributes:
        sent: the events.
        first_sent: when it was first sent.
        acknowledged: when it was first acknowledged.
        acknowledged_since: the same, for calls after the time of possible data loss.
        news: the number of answers that called the event new.
        news_since: the same, for calls after the time of possible data loss.
        ranks: the length of the session after the event was appended.
        too_old: events that a session called older than its full window.
        lengths: the session's lengths in answers with `stored`.
        nameless: the number of events without an id, whose answer with the id was lost.
    """

    sent: dict[bytes, SentEvent] = field(default_factory=dict)
    first_sent: dict[bytes, float] = field(default_factory=dict)
    acknowledged: dict[bytes, float] = field(default_factory=dict)
    acknowledged_since: dict[bytes, float] = field(default_factory=dict)
    news: Counter[bytes] = field(default_factory=Counter)
    news_since: Counter[bytes] = field(default_factory=Counter)
    ranks: dict[bytes, int] = field(default_factory=dict)
    too_old: set[bytes] = field(default_factory=set)
    lengths: list[int] = field(default_factory=list)
    nameless: int = 0


def evidence_of(calls: Iterable[Call], destroyed_until: float | None) -> Evidence:
    """Return the evidence of a session's calls.

    Args:
        calls: of one session.
        destroyed_until: end of a fault that may destroy data; None for other faults.
    """
    evidence = Evidence()
    for call in sorted(calls, key=lambda call: call.ended):
        _add(evidence, call, since=destroyed_until is None or call.started >= destroyed_until)
    return evidence


def _add(evidence: Evidence, call: Call, *, since: bool) -> None:
    length = call.session_length or 0
    if call.stored:
        evidence.lengths.append(length)
    new: list[bytes] = []
    for place, event in enumerate(call.events):
        if not event.event_id:
            evidence.nameless += 1
            continue
        tag = event_tag(session_key(KEY_SECRET.encode(), call.session_id).hash_key, event.event_id)
        evidence.sent.setdefault(tag, event)
        evidence.first_sent[tag] = min(evidence.first_sent.get(tag, call.started), call.started)
        if not call.stored:
            continue
        evidence.acknowledged.setdefault(tag, call.ended)
        if since:
            evidence.acknowledged_since.setdefault(tag, call.ended)
        if call.statuses[place] == "too_old":
            evidence.too_old.add(tag)
        if call.statuses[place] in FIRST_TIME:
            new.append(tag)
    for tag in new:  # a batch is appended in one step, so all its events have the same rank
        evidence.ranks[tag] = length
        evidence.news[tag] += 1
        evidence.news_since[tag] += since
