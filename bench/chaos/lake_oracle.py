"""The oracle of the event lake: compares its rows with the calls of the clients, before and after the compaction.

Each acknowledged event must be in the lake once, unless the collector counted it as lost or the fault destroyed it. No
other event may be there, except those whose answer was lost or said that the event is not stored: the append may have
reached the store after all. The events of a session have the order of its log. After a DELETE and the compaction no
event is left that arrived before the DELETE, and all other sessions are complete.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.chaos.evidence import Evidence, evidence_of
from bench.chaos.journal import FIRST_TIME, Call, Deletion
from devstack.stack import KEY_SECRET
from nextitem.sessions.codec import event_tag
from nextitem.sessions.key_secret import KeySecret
from nextitem.sessions.keys import SessionName, session_key

MS = 1000.0
NO_CONTENT = 204


class LakeRow(NamedTuple):
    """An event in the lake, with the columns that the oracle judges.

    They are named here once more, and not taken from `model_export.lake.records.Record`: the oracle reads the files as
    any other program does, so that a column that is renamed or written wrongly is found.
    """

    session: str
    event: str
    item_id: str
    type: str
    occurred_at: int
    arrived_at: int
    entry: str
    late: bool

    @property
    def place(self) -> tuple[int, int, int]:
        """Sorts the events of a session in the order of its log."""
        at, _, number = self.entry.partition("-")
        return self.occurred_at, int(at), int(number)


@dataclass(frozen=True)
class LakeContents:
    """The lake at the end of a run: its rows, those after the compaction, and how many entries were counted as lost."""

    rows: Sequence[LakeRow]
    compacted: Sequence[LakeRow]
    lost: int


@dataclass
class LakeVerdict:
    """The counts of a run.

    Attributes:
        events: rows of the lake before the compaction.
        uncertain: rows of events that were never acknowledged.
        missing: acknowledged events that the lake does not have.
        lost: entries that the collector counted as lost.
        deletions: sessions whose DELETE was acknowledged.
        unexplained: missing events that neither the collector counted as lost nor the fault destroyed; entries that
            were counted as lost although nothing is missing; and deletions without effect.
        doubled: rows of an event beyond the first that no lost session explains.
        unsent: rows of events that were never sent.
        spoiled: rows that differ from the event as it was sent, sessions in another order than their log, and rows of
            other sessions that the compaction changed.
        findings: a sentence for each fault.
    """

    events: int = 0
    uncertain: int = 0
    missing: int = 0
    lost: int = 0
    deletions: int = 0
    unexplained: int = 0
    doubled: int = 0
    unsent: int = 0
    spoiled: int = 0
    findings: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """True if the lake has exactly what it should have."""
        return not (self.unexplained or self.doubled or self.unsent or self.spoiled)


@dataclass(frozen=True)
class _Session:
    """All that is known of a session: its calls, its rows before and after the compaction, the tags of its log."""

    session_id: str
    calls: Sequence[Call]
    deletions: Sequence[Deletion]
    evidence: Evidence
    rows: Sequence[LakeRow]
    compacted: Sequence[LakeRow]
    log: Sequence[str] | None


class LakeOracle:
    """Checks runs.

    Args:
        wall: seconds to add to the monotonic clock of calls to get epoch seconds.
        destroyed_until: monotonic seconds until which the fault may have destroyed acknowledged data; None for a
            fault that destroys nothing.
    """

    def __init__(self, wall: float, destroyed_until: float | None) -> None:
        self._wall, self._destroyed_until = wall, destroyed_until
        self._key = KeySecret(KEY_SECRET.encode()).lake_key

    def check(
        self,
        calls: Iterable[Call],
        deletions: Iterable[Deletion],
        logs: Mapping[str, Sequence[str]],
        contents: LakeContents,
    ) -> LakeVerdict:
        """Return the verdict on a run.

        Args:
            calls: all calls.
            deletions: all DELETEs.
            logs: the tags in the log of each session that was not deleted, in hex, in their order.
            contents: the lake.
        """
        verdict = LakeVerdict(events=len(contents.rows), lost=contents.lost)
        open_accounts = entries_without_row = 0
        sessions = self._sessions(calls, deletions, logs, contents)
        known = {self._pseudonym(session.session_id) for session in sessions}
        verdict.unsent += (strange := sum(row.session not in known for row in contents.rows))
        if strange:
            verdict.findings.append(f"the lake has {strange} events of sessions that were never sent")
        for session in sessions:
            missing = self._check_events(session, verdict)
            self._check_order(session, contents, verdict)
            self._check_deletion(session, verdict)
            open_accounts += missing
            in_lake = {row.event for row in session.rows}
            never_acknowledged = session.evidence.sent.keys() - session.evidence.acknowledged.keys()
            entries_without_row += sum(tag.hex() not in in_lake for tag in never_acknowledged)
            entries_without_row += session.evidence.nameless + missing
        over = open_accounts - contents.lost
        if self._destroyed_until is None:
            over = max(over, contents.lost - entries_without_row)
        if over > 0:
            verdict.unexplained += over
            verdict.findings.append(f"the lake lacks {open_accounts} events, {contents.lost} count as lost")
        return verdict

    def _sessions(
        self,
        calls: Iterable[Call],
        deletions: Iterable[Deletion],
        logs: Mapping[str, Sequence[str]],
        contents: LakeContents,
    ) -> list[_Session]:
        by_session: defaultdict[str, list[Call]] = defaultdict(list)
        for call in calls:
            by_session[call.session_id].append(call)
        deleted: defaultdict[str, list[Deletion]] = defaultdict(list)
        for deletion in deletions:
            deleted[deletion.session_id].append(deletion)
        rows, compacted = _by_session(contents.rows), _by_session(contents.compacted)
        return [
            _Session(
                session_id,
                its_calls,
                deleted[session_id],
                evidence_of(its_calls, self._destroyed_until),
                rows[self._pseudonym(session_id)],
                compacted[self._pseudonym(session_id)],
                logs.get(session_id),
            )
            for session_id, its_calls in by_session.items()
        ]

    def _pseudonym(self, session_id: str) -> str:
        return SessionName(session_id).pseudonym(self._key)

    def _check_events(self, session: _Session, verdict: LakeVerdict) -> int:
        """Check the rows of a session; return the number of acknowledged events that should be there and are not."""
        evidence, counts = session.evidence, Counter(bytes.fromhex(row.event) for row in session.rows)
        never_kept = {tag for tag in evidence.too_old if not evidence.news[tag]}
        missing = evidence.acknowledged.keys() - counts.keys() - never_kept
        verdict.missing += len(missing)
        verdict.uncertain += sum(tag in evidence.sent and tag not in evidence.acknowledged for tag in counts)

        unsent = sum(count for tag, count in counts.items() if tag not in evidence.sent)
        if unsent > evidence.nameless:
            verdict.unsent += unsent - evidence.nameless
            verdict.findings.append(f"{session.session_id}: {unsent - evidence.nameless} events were never sent")
        doubled = sum(self._doubled(session, tag, count) for tag, count in counts.items() if count > 1)
        if doubled:
            verdict.doubled += doubled
            verdict.findings.append(f"{session.session_id}: {doubled} events are in the lake twice")
        # What destroyed servers took for late or not, another try may have stored elsewhere, in another order: only
        # answers and rows from after the destruction are compared.
        since = -math.inf if self._destroyed_until is None else self._destroyed_until
        statuses = _statuses(call for call in session.calls if call.started > since)
        for row in session.rows:
            sent = evidence.sent.get(bytes.fromhex(row.event))
            seen = statuses[bytes.fromhex(row.event)]
            same = sent is None or (
                (sent.item_id, sent.type) == (row.item_id, row.type) and sent.occurred_at in {None, row.occurred_at}
            )
            is_comparable = row.arrived_at > (since + self._wall) * MS and len(seen) == 1 and "unknown_item" not in seen
            if not same or (is_comparable and row.late is not ("late" in seen)):
                verdict.spoiled += 1
                verdict.findings.append(f"{session.session_id}: {row} is not what was sent and acknowledged")
        return len(missing & evidence.acknowledged_since.keys())

    def _doubled(self, session: _Session, tag: bytes, count: int) -> int:
        """Return the rows of an event beyond those that lost or deleted sessions explain: a repeat is new to these."""
        if self._destroyed_until is None:
            return max(count - 1 - len(session.deletions), 0)
        entries = {row.entry: row for row in session.rows if row.event == tag.hex()}
        since = (self._destroyed_until + self._wall) * MS
        later = sum(row.arrived_at > since for row in entries.values())
        return max(later - 1 - len(session.deletions), 0) + count - len(entries)

    def _check_order(self, session: _Session, contents: LakeContents, verdict: LakeVerdict) -> None:
        """Compare a session that lost nothing with its log."""
        if session.log is None or session.deletions or contents.lost or self._destroyed_until is not None:
            return
        ordered = [row.event for row in sorted(session.rows, key=lambda row: row.place)]
        if ordered[len(ordered) - len(session.log) :] != list(session.log):
            verdict.spoiled += 1
            verdict.findings.append(f"{session.session_id}: the lake has its events in another order than its log")

    def _check_deletion(self, session: _Session, verdict: LakeVerdict) -> None:
        """Check what the compaction left of a session."""
        if not session.deletions:
            if list(session.compacted) != list(session.rows):
                verdict.spoiled += 1
                verdict.findings.append(f"{session.session_id}: the compaction changed a session that was not deleted")
            return
        acknowledged = [deletion for deletion in session.deletions if deletion.status == NO_CONTENT]
        verdict.deletions += bool(acknowledged)
        if not acknowledged or (self._destroyed_until or 0.0) > acknowledged[-1].ended:
            return
        begun = acknowledged[-1].started
        after: defaultdict[bytes, bool] = defaultdict(bool)
        for call in session.calls:
            for event in call.events:
                after[_tag(session.session_id, event.event_id)] |= call.ended > begun or not call.stored
        left = [
            row
            for row in session.compacted
            if row.arrived_at <= (begun + self._wall) * MS or not after[bytes.fromhex(row.event)]
        ]
        if left:
            verdict.unexplained += 1
            verdict.findings.append(f"{session.session_id}: {len(left)} events are left although it was deleted")


def _by_session(rows: Iterable[LakeRow]) -> defaultdict[str, list[LakeRow]]:
    by_session: defaultdict[str, list[LakeRow]] = defaultdict(list)
    for row in sorted(rows):
        by_session[row.session].append(row)
    return by_session


def _tag(session_id: str, event_id: str) -> bytes:
    return event_tag(session_key(KEY_SECRET.encode(), session_id).hash_key, event_id)


def _statuses(calls: Iterable[Call]) -> defaultdict[bytes, set[str]]:
    """Return with which statuses each event was acknowledged as new."""
    statuses: defaultdict[bytes, set[str]] = defaultdict(set)
    for call in calls:
        for event, status in zip(call.events, call.statuses, strict=False):
            if call.stored and status in FIRST_TIME:
                statuses[_tag(call.session_id, event.event_id)].add(status)
    return statuses
