"""The oracle: what the store has, and what was answered, must be a clean replay of what the clients know.

The client's journal is the evidence. For each session the store must have every acknowledged event, each once, in an
order that agrees with the acknowledgements, under a chain that holds, the newest of them in the log; the snapshot must
be the hidden state of the history up to where it stands; and each answer must rank as the replay of the history as it
was at that moment does. Of a session that outlived its window both replays are right: of all that it had, and of the
window from which it was rebuilt. Knows no fault and no server.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bench.chaos.evidence import Evidence, evidence_of
from bench.chaos.history import History, history_of
from bench.chaos.journal import Call
from bench.chaos.replayer import Replayer
from nextitem.model.engine import Model
from nextitem.sessions.session import WINDOW, SessionRecord

HIDDEN_TOLERANCE = 1e-2
"""Relative, in the Euclidean norm. Clean runs stay under 1e-4, which is what lies before the window."""
SCORE_TOLERANCE = 0.1
"""Of a score of about 5. Clean runs stay under 1e-3; the scorer quantizes the hidden state, so that a last bit of it
may move a score by 0.04. Two events in the wrong order move one by 0.27 and more. Items nearer than this to each other
may change places."""


@dataclass(frozen=True, slots=True)
class StoredSession:
    """What the store has of a session: its record, and the tags that were trimmed from its log."""

    record: SessionRecord | None
    seen: bytes = b""


@dataclass
class Verdict:
    """What was found, counted in events (acknowledged, lost, doubled) and in sessions' states and answers (corrupted).

    `lost` counts every acknowledged event that the store does not have, `unexcused` those of them that were
    acknowledged after the fault had destroyed what it destroys. `beyond_window` counts sessions, `answers_beyond`
    their checked answers.
    """

    acknowledged: int = 0
    lost: int = 0
    unexcused: int = 0
    doubled: int = 0
    corrupted: int = 0
    beyond_window: int = 0
    snapshots_checked: int = 0
    answers_checked: int = 0
    answers_beyond: int = 0
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
        self._replayer = Replayer(model)
        self._destroyed_until = destroyed_until

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
            kept = stored.get(session_id, StoredSession(None))
            for finding in self._session(of_session, kept, verdict):
                verdict.findings.append(f"{session_id}: {finding}")
        return verdict

    def _session(self, calls: list[Call], stored: StoredSession, verdict: Verdict) -> list[str]:
        told = evidence_of(calls, self._destroyed_until)
        history = history_of(stored.record or SessionRecord(0, (), None), stored.seen, told)
        verdict.beyond_window += history.record.length > WINDOW
        verdict.acknowledged += len(told.acknowledged)
        dropped = history.dropped(told)
        lost = told.acknowledged.keys() - set(history.tags) - dropped
        verdict.lost += len(lost)
        verdict.unexcused += len(lost & told.acknowledged_since.keys())

        findings = _doubled(history, told, dropped, verdict)
        fault = history.fault(told) or self._snapshot_fault(history, verdict)
        if fault is not None:
            verdict.corrupted += 1
            return [*findings, fault]
        began_anew = any(count > 1 for tag, count in told.news.items() if tag not in dropped)
        if not began_anew and not lost:  # then a length names one moment
            wrong = [fault for call in calls if (fault := self._answer_fault(call, history, told, verdict)) is not None]
            verdict.corrupted += len(wrong)
            findings += wrong
        return findings

    def _snapshot_fault(self, history: History, verdict: Verdict) -> str | None:
        snapshot = history.record.snapshot
        chains = [entry.chain for entry in history.log]
        if snapshot is None or snapshot.chain not in chains:
            return None  # out of date, to be refused
        steps = len(history.items) - len(chains) + chains.index(snapshot.chain) + 1
        error = self._replayer.hidden_error(snapshot.hidden, history.items[:steps], HIDDEN_TOLERANCE)
        if error is None:
            return None
        verdict.snapshots_checked += 1
        verdict.worst_hidden = max(verdict.worst_hidden, error)
        return f"hidden state off by {error:.3g} after {steps} events" if error > HIDDEN_TOLERANCE else None

    def _answer_fault(self, call: Call, history: History, told: Evidence, verdict: Verdict) -> str | None:
        if call.served_by == "stateless" and len(call.events) == 1:  # of a batch, the order is the function's clock's
            then: list[str | None] = [call.events[0].item_id]
            kind = "a stateless answer"
        elif call.served_by == "session" and call.session_length is not None:
            then = _at_length(history, told, call.session_length)
            if len(then) != call.session_length:
                return None  # some event came in without its client hearing when
            kind = f"an answer after {len(then)} events"
        else:
            return None
        gap = self._replayer.score_gap(call.top, then, SCORE_TOLERANCE)
        if gap is None:
            return None
        verdict.answers_checked += 1
        verdict.answers_beyond += len(then) > WINDOW
        verdict.worst_score = max(verdict.worst_score, gap)
        return f"{kind} is off by {gap:.3g}" if gap > SCORE_TOLERANCE else None


def _at_length(history: History, told: Evidence, length: int) -> list[str | None]:
    """Return the items of the history as it was when the session had a length."""
    if length == history.record.length:
        return list(history.items)
    known = zip(history.tags, history.items[max(history.forgotten, 0) :], strict=True)
    return [item for tag, item in known if told.ranks.get(tag, length + 1) <= length]


def _doubled(history: History, told: Evidence, dropped: set[bytes], verdict: Verdict) -> list[str]:
    twice = sum(count - 1 for count in Counter(history.tags).values())
    over = max([history.record.length, *told.lengths]) - len(told.sent) - told.nameless
    again = sum(count - 1 for tag, count in told.news_since.items() if count > 1 and tag not in dropped)
    doubled = max(twice, over, 0) + again
    verdict.doubled += doubled
    return [f"doubled: {twice} tags twice, {over} more than were sent, {again} applied again"] if doubled else []
