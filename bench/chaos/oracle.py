"""The oracle: checks that sessions in the store, and all answers, agree with a replay of what clients sent.

For each session, the store must have every acknowledged event exactly once, in an order that agrees with the
acknowledgements, under a valid chain, with the newest events in the log. The snapshot must be the hidden state of the
history up to its place. Each answer must rank like a replay of the history at that moment. For a session longer than
its window two replays are valid: of all events, and of a window from which the state was rebuilt.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bench.chaos.evidence import Evidence, evidence_of
from bench.chaos.history import Action, History, history_of
from bench.chaos.journal import Call
from bench.chaos.replayer import Replayer
from nextitem.model.engine import Model
from nextitem.sessions.session import WINDOW, SessionRecord

HIDDEN_TOLERANCE = 1e-2
"""Relative, in the Euclidean norm. Runs without faults stay below 1e-4: the effect of events before the window."""
SCORE_TOLERANCE = 0.1
"""Scores are about 5. Runs without faults stay below 1e-3, but the scorer quantizes the hidden state, so its last bit
can change a score by 0.04. Two events in the wrong order change it by at least 0.27. Items whose scores differ by less
than the tolerance may be swapped."""


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session in the store: its record, and the tags that were trimmed from its log."""

    record: SessionRecord | None
    seen: bytes = b""


@dataclass
class Verdict:
    """The counts of a run.

    Attributes:
        acknowledged: acknowledged events.
        lost: acknowledged events that the store does not have.
        unexplained: lost events that were acknowledged after the fault could destroy data.
        doubled: events that are in a session twice.
        corrupted: wrong hidden states and wrong answers.
        beyond_window: sessions longer than their window.
        snapshots_checked: hidden states that were compared with a replay.
        answers_checked: answers that were compared with a replay.
        answers_beyond: those of sessions longer than their window.
        worst_hidden: greatest relative error of a hidden state.
        worst_score: greatest difference of a score.
        findings: a sentence for each fault.
    """

    acknowledged: int = 0
    lost: int = 0
    unexplained: int = 0
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
    """Checks runs of one model; a single thread replays.

    Args:
        model: the model that served.
        destroyed_until: monotonic seconds until which the fault may have destroyed acknowledged data; None for a
            fault that destroys nothing.
    """

    def __init__(self, model: Model, destroyed_until: float | None) -> None:
        self._replayer = Replayer(model)
        self._destroyed_until = destroyed_until

    def check(self, calls: Iterable[Call], stored: Mapping[str, StoredSession]) -> Verdict:
        """Return the verdict on a run.

        Args:
            calls: all calls, including the final one of each session.
            stored: each session in the store at the end.
        """
        sessions: dict[str, list[Call]] = defaultdict(list)
        for call in calls:
            sessions[call.session_id].append(call)
        verdict = Verdict()
        for session_id, session_calls in sessions.items():
            session = stored.get(session_id, StoredSession(None))
            for finding in self._check_session(session_calls, session, verdict):
                verdict.findings.append(f"{session_id}: {finding}")
        return verdict

    def _check_session(self, calls: list[Call], stored: StoredSession, verdict: Verdict) -> list[str]:
        evidence = evidence_of(calls, self._destroyed_until)
        history = history_of(stored.record or SessionRecord(0, (), None), stored.seen, evidence)
        verdict.beyond_window += history.record.length > WINDOW
        verdict.acknowledged += len(evidence.acknowledged)
        dropped = history.dropped(evidence)
        lost = evidence.acknowledged.keys() - set(history.tags) - dropped
        verdict.lost += len(lost)
        verdict.unexplained += len(lost & evidence.acknowledged_since.keys())

        findings = _doubled(history, evidence, dropped, verdict)
        fault = history.fault(evidence) or self._snapshot_fault(history, verdict)
        if fault is not None:
            verdict.corrupted += 1
            return [*findings, fault]
        was_recreated = any(count > 1 for tag, count in evidence.news.items() if tag not in dropped)
        if not was_recreated and not lost:  # only then a length identifies one moment of the history
            wrong = [
                fault for call in calls if (fault := self._answer_fault(call, history, evidence, verdict)) is not None
            ]
            verdict.corrupted += len(wrong)
            findings += wrong
        return findings

    def _snapshot_fault(self, history: History, verdict: Verdict) -> str | None:
        snapshot = history.record.snapshot
        chains = [entry.chain for entry in history.log]
        if snapshot is None or snapshot.chain not in chains:
            return None  # outdated: the function refuses it
        steps = len(history.actions) - len(chains) + chains.index(snapshot.chain) + 1
        error = self._replayer.hidden_error(snapshot.hidden, history.actions[:steps], HIDDEN_TOLERANCE)
        if error is None:
            return None
        verdict.snapshots_checked += 1
        verdict.worst_hidden = max(verdict.worst_hidden, error)
        return f"hidden state off by {error:.3g} after {steps} events" if error > HIDDEN_TOLERANCE else None

    def _answer_fault(self, call: Call, history: History, evidence: Evidence, verdict: Verdict) -> str | None:
        if call.served_by == "stateless" and len(call.events) == 1:  # the function orders the events of a batch
            then: list[Action | None] = [Action(call.events[0].item_id, call.events[0].type)]
            kind = "a stateless answer"
        elif call.served_by == "session" and call.session_length is not None:
            then = _at_length(history, evidence, call.session_length)
            if len(then) != call.session_length:
                return None  # the answer to some event was lost, so its rank is unknown
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


def _at_length(history: History, evidence: Evidence, length: int) -> list[Action | None]:
    """Return the actions of the history at the moment when the session had a length."""
    if length == history.record.length:
        return list(history.actions)
    known = zip(history.tags, history.actions[max(history.forgotten, 0) :], strict=True)
    return [action for tag, action in known if evidence.ranks.get(tag, length + 1) <= length]


def _doubled(history: History, evidence: Evidence, dropped: set[bytes], verdict: Verdict) -> list[str]:
    twice = sum(count - 1 for count in Counter(history.tags).values())
    over = max([history.record.length, *evidence.lengths]) - len(evidence.sent) - evidence.nameless
    again = sum(count - 1 for tag, count in evidence.news_since.items() if count > 1 and tag not in dropped)
    doubled = max(twice, over, 0) + again
    verdict.doubled += doubled
    return (
        [f"doubled: {twice} tags occur twice, {over} events more than sent, {again} applied twice"] if doubled else []
    )
