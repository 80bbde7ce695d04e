"""The oracle: what the store has, and what was answered, must be a clean replay of what the clients know.

The client's journal is the evidence. For each session the log in the store must have every acknowledged event, each
once, in an order that agrees with the acknowledgements, under a chain that holds; the snapshot must be the hidden state
of the log's prefix that it names; and each answer must rank as the replay of the log as it was at that moment does.
Knows no fault and no server.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.chaos.journal import FIRST_TIME, Call, SentEvent, Top
from nextitem.codec import event_tag, next_chain, rounded
from nextitem.engine import Model
from nextitem.session import TAG_BYTES, WINDOW, Hidden, LogEntry, SessionRecord

HIDDEN_TOLERANCE = 1e-2
"""Relative, in the Euclidean norm: a snapshot is rounded to float16 once for each request that led to it."""
SCORE_TOLERANCE = 0.1
"""Of a score of about 5: rounding the hidden state moves scores by up to 0.04, since the scorer quantizes it again; two
events in the wrong order move them by 0.27 and more. Items nearer than this to each other may change places."""
DEEP = 100
"""How deep the replay's ranking is looked at for an item of an answer."""


@dataclass(frozen=True, slots=True)
class StoredSession:
    """What the store has of a session: its record, and the tags that were trimmed from its log."""

    record: SessionRecord | None
    seen: bytes = b""


@dataclass
class Verdict:
    """What was found, counted in events (acknowledged, lost, doubled) and in sessions' states and answers (corrupted).

    `lost` counts every acknowledged event that the store does not have, `unexcused` those of them that were
    acknowledged after the fault had destroyed what it destroys.
    """

    acknowledged: int = 0
    lost: int = 0
    unexcused: int = 0
    doubled: int = 0
    corrupted: int = 0
    snapshots_checked: int = 0
    answers_checked: int = 0
    worst_hidden: float = 0.0
    worst_score: float = 0.0
    findings: list[str] = field(default_factory=list)


class Oracle:
    """Judges runs by one model, replayed by a single thread.

    Args:
        model: the model that served.
        destroyed_until: monotonic seconds before which acknowledged data may have been destroyed by the fault; None
            for a fault that destroys nothing.
    """

    def __init__(self, model: Model, destroyed_until: float | None) -> None:
        self._model = model
        self._destroyed_until = destroyed_until
        self._hidden: dict[tuple[int, ...], Hidden] = {}

    def judge(self, calls: Iterable[Call], stored: Mapping[str, StoredSession]) -> Verdict:
        """Return the verdict on a run.

        Args:
            calls: every call, the last ones of each session after the fault included.
            stored: what the store has of each session at the end.
        """
        sessions: dict[str, list[Call]] = defaultdict(list)
        for call in calls:
            sessions[call.session_id].append(call)
        verdict = Verdict()
        for session_id, of_session in sessions.items():
            self._session(session_id, of_session, stored.get(session_id, StoredSession(None)), verdict)
        return verdict

    def _session(self, session_id: str, calls: list[Call], stored: StoredSession, verdict: Verdict) -> None:
        record = stored.record or SessionRecord(0, (), None)
        told = _told(calls, self._destroyed_until)
        trimmed = [stored.seen[at : at + TAG_BYTES] for at in range(0, len(stored.seen), TAG_BYTES)]
        tags = Counter([entry.tag for entry in record.log] + trimmed)

        def found(kind: str) -> None:
            verdict.findings.append(f"{session_id}: {kind}")

        verdict.acknowledged += len(told.acknowledged)
        lost = {tag for tag in told.acknowledged if not tags[tag]} - (told.late if len(record.log) >= WINDOW else set())
        verdict.lost += len(lost)
        verdict.unexcused += len(lost & told.acknowledged_since.keys())

        twice = sum(count - 1 for count in tags.values() if count > 1)
        lengths = [call.session_length for call in calls if call.stored and call.session_length is not None]
        over = max([record.length, *lengths]) - len(told.sent) - told.nameless
        doubled = max(twice, over, 0) + sum(count - 1 for count in told.first_times.values() if count > 1)
        if doubled:
            verdict.doubled += doubled
            found(
                f"doubled: {twice} tags twice, {over} more than were sent, first times {max(told.first_times.values())}"
            )

        fault = _log_fault(record, told)
        if fault is None and record.snapshot is not None:
            fault = self._snapshot_fault(record, verdict)
        if fault is not None:
            verdict.corrupted += 1
            found(fault)
        elif not told.ambiguous and not lost:
            for call in calls:
                if (fault := self._answer_fault(call, record, told, verdict)) is not None:
                    verdict.corrupted += 1
                    found(fault)

    def _snapshot_fault(self, record: SessionRecord, verdict: Verdict) -> str | None:
        assert record.snapshot is not None  # noqa: S101 - for the type checker
        chains = [entry.chain for entry in record.log]
        if record.snapshot.chain not in chains or record.length != len(record.log):
            return None  # out of date, to be refused; or of a past that the log no longer has whole
        steps = chains.index(record.snapshot.chain) + 1
        clean = self._replayed(entry.item_id for entry in record.log[:steps])
        if clean.size != record.snapshot.hidden.size:
            return "a snapshot of another size"
        error = float(np.linalg.norm(record.snapshot.hidden - clean) / max(float(np.linalg.norm(clean)), 1e-6))
        verdict.snapshots_checked += 1
        verdict.worst_hidden = max(verdict.worst_hidden, error)
        return f"hidden state off by {error:.3g} after {steps} events" if error > HIDDEN_TOLERANCE else None

    def _answer_fault(self, call: Call, record: SessionRecord, told: "_Told", verdict: Verdict) -> str | None:
        if call.served_by == "stateless" and len(call.events) == 1:  # of a batch, the order is the function's clock's
            verdict.answers_checked += 1
            gap = self._gap(call.top, [call.events[0].item_id])
            return f"a stateless answer is off by {gap:.3g}" if gap > SCORE_TOLERANCE else None
        if call.served_by != "session" or call.session_length is None or record.length != len(record.log):
            return None
        then = [entry for entry in record.log if told.ranks.get(entry.tag, record.length + 1) <= call.session_length]
        if call.session_length == record.length:
            then = list(record.log)
        if len(then) != call.session_length:
            return None  # some event came in without its client hearing when
        verdict.answers_checked += 1
        gap = self._gap(call.top, [entry.item_id for entry in then])
        verdict.worst_score = max(verdict.worst_score, gap)
        return f"an answer after {len(then)} events is off by {gap:.3g}" if gap > SCORE_TOLERANCE else None

    def _gap(self, top: Top, items: Sequence[str]) -> float:
        """Return by how much a ranking differs from a replay's: place by place, and item by item."""
        clean = self._model.top(rounded(self._replayed(items)), (), DEEP)
        scores = {self._model.vocabulary.item_id(one.index): one.score for one in clean}
        if not top or len({item_id for item_id, _ in top}) < len(top):
            return float("inf")
        by_item = max(abs(scores.get(item_id, float("inf")) - score) for item_id, score in top)
        by_place = max(abs(one.score - score) for one, (_, score) in zip(clean, top, strict=False))
        return max(by_item, by_place)

    def _replayed(self, items: Iterable[str]) -> Hidden:
        path: tuple[int, ...] = ()
        hidden = self._model.replay(None, [])
        for index in self._model.vocabulary.indices(items):
            path = (*path, index)
            hidden = self._hidden[path] if path in self._hidden else self._model.replay(hidden, [index])
            self._hidden[path] = hidden
        return hidden


@dataclass
class _Told:
    """What a session's calls say about its events, by tag."""

    sent: dict[bytes, SentEvent] = field(default_factory=dict)
    first_sent: dict[bytes, float] = field(default_factory=dict)
    acknowledged: dict[bytes, float] = field(default_factory=dict)
    """When it was first acknowledged."""
    acknowledged_since: dict[bytes, float] = field(default_factory=dict)
    """The same, of calls after what the fault may have destroyed."""
    first_times: Counter[bytes] = field(default_factory=Counter)
    """How often it was said to be new, where nothing was destroyed in between."""
    ranks: dict[bytes, int] = field(default_factory=dict)
    """The length of the session when the event came in, itself included."""
    late: set[bytes] = field(default_factory=set)
    nameless: int = 0
    ambiguous: bool = False
    """Whether the session began anew, so that lengths do not name one moment only."""


def _told(calls: Iterable[Call], destroyed_until: float | None) -> _Told:
    told = _Told()
    news: Counter[bytes] = Counter()
    for call in sorted(calls, key=lambda one: one.ended):
        since = destroyed_until is None or call.started >= destroyed_until
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
            if call.statuses[place] == "late":
                told.late.add(tag)
            if call.statuses[place] in FIRST_TIME:
                new.append(tag)
                news[tag] += 1
                told.first_times[tag] += since
        for tag in new:  # all of a batch come in at once, so no answer ever stood between them
            told.ranks[tag] = call.session_length or 0
    told.ambiguous = any(count > 1 for count in news.values())
    return told


def _log_fault(record: SessionRecord, told: _Told) -> str | None:
    """Return what is wrong with a log, or None."""
    whole = record.length == len(record.log)
    chain = b""
    for place, entry in enumerate(record.log):
        sent = told.sent.get(entry.tag)
        if sent is None and not told.nameless:
            return f"event {place} was never sent"
        if sent is not None and sent.item_id != entry.item_id:
            return f"event {place} has another item than was sent"
        if sent is not None and sent.occurred_at is not None and sent.occurred_at != entry.at:
            return f"event {place} has another time than was sent"
        if (whole or place) and next_chain(chain, entry.tag, entry.item_id.encode()) != entry.chain:
            return f"the chain breaks at event {place}"
        chain = entry.chain
    if any(before.at > after.at for before, after in zip(record.log, record.log[1:], strict=False)):
        return "events are not in the order of their times"
    return _order_fault(record.log, told)


def _order_fault(log: Sequence[LogEntry], told: _Told) -> str | None:
    """Events without a time: whoever was acknowledged before another was first sent must come before it."""
    latest_sent = float("-inf")
    for place, entry in enumerate(log):
        sent = told.sent.get(entry.tag)
        if sent is None or sent.occurred_at is not None:
            continue
        if told.acknowledged_since.get(entry.tag, float("inf")) < latest_sent:
            return f"event {place} was acknowledged before one was sent that stands before it"
        latest_sent = max(latest_sent, told.first_sent[entry.tag])
    return None
