"""One experiment: traffic, a fault, recovery, and the oracle's verdict."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bench.chaos.catalogue import Fault
from bench.chaos.client import Client, open_client
from bench.chaos.entries import SERVER_ERROR, Entry
from bench.chaos.journal import Call, Journal
from bench.chaos.lake import BUCKETS
from bench.chaos.lake_oracle import LakeOracle, LakeVerdict
from bench.chaos.oracle import Oracle, StoredSession, Verdict
from bench.chaos.targets import Reader, Target, require
from bench.chaos.traffic import THREADS, Traffic
from devstack.replay.report import percentile
from devstack.stack import KEY_SECRET
from nextitem.model.engine import Model
from nextitem.sessions.codec import decode_record
from nextitem.sessions.keys import session_key
from nextitem.sessions.session import SessionKey

RECOVERED = 50
"""Answers from the session in a row after which the function counts as recovered."""
PATIENCE_SECONDS = 20.0
"""Maximum duration of traffic after the fault."""
POLL_SECONDS = 0.02
"""Between two looks at the journal, whose threads notify no other: 50 answers take at least as long."""
FINAL_TRIES = 20
MS = 1000.0
UNAVAILABLE = 503


@dataclass(frozen=True)
class Pace:
    """Seconds of traffic before the fault, and minimum seconds after it; it goes on until recovery."""

    before: float = 1.0
    after: float = 1.5


@dataclass(frozen=True)
class Times:
    """Milliseconds of answers."""

    p99: float
    max: float

    @classmethod
    def of(cls, milliseconds: Sequence[float]) -> "Times":
        """Summarise times."""
        return cls(round(percentile(milliseconds, 99), 1), round(max(milliseconds, default=0.0), 1))


@dataclass(frozen=True)
class FaultResult:
    """The result of one fault. `function` times come from its metrics records (the container has none: 0).

    `client` times include the network.
    """

    fault: str
    destroys: bool
    requests: int
    sessions: int
    http_5xx: int
    stateless_share: float
    verdict: Verdict
    lake: LakeVerdict
    function: Times
    function_during: Times
    client: Times
    client_during: Times
    recovery_s: float | None

    @property
    def passed(self) -> bool:
        """True if the function recovered, and nothing was doubled, corrupted, lost without explanation or a 5xx.

        The same must hold for the lake. A DELETE may be a 503: it never answers without the store.
        """
        verdict = self.verdict
        wrong = self.http_5xx or verdict.doubled or verdict.corrupted or verdict.unexplained or not self.lake.passed
        return not wrong and self.recovery_s is not None


@dataclass(frozen=True)
class _FaultTime:
    """Begin and end of the fault, or of its injection if it lasts, in monotonic seconds."""

    began: float
    ended: float


def run(fault: Fault, target: Target, entry: Entry, model: Model, sessions: int, pace: Pace) -> FaultResult:
    """Inject a fault into a deployment under traffic and return the result.

    Args:
        fault: to inject.
        target: the deployment, without faults.
        entry: the warm entry point that uses it.
        model: the served model.
        sessions: open at any time.
        pace: duration of the traffic.
    """
    traffic = Traffic(entry.url, sessions, fault.name.replace(" ", "-"))
    target.live_keys = lambda: [_key(session_id) for session_id in traffic.session_ids]
    target.paused, target.frozen, target.retire_workers = traffic.paused, entry.frozen, entry.retire_workers
    lake, wall = require(target.lake), time.time() - time.monotonic()
    lake.begin()
    with traffic:
        time.sleep(pace.before)  # normal traffic to compare with
        began = time.monotonic()
        fault.inject(target)
        fault_time = _FaultTime(began, time.monotonic())
        _await_recovery(traffic.journal, pace, fault_time.ended)
    calls, deletions = traffic.journal.calls, traffic.journal.deletions
    deleted = {deletion.session_id for deletion in deletions}
    finals = _finals(entry.url, sorted({call.session_id for call in calls} - deleted))
    stored = _stored(target, [call.session_id for call in finals], model.version)
    destroyed_until = fault_time.ended if fault.destroys else None
    kept = [call for call in (*calls, *finals) if call.session_id not in deleted]
    verdict = Oracle(model, destroyed_until).check(kept, stored)
    in_lake = LakeOracle(wall, destroyed_until).check(calls, deletions, _logs(stored), lake.end())
    recovery = _recovery(calls, fault_time.ended)
    until = fault_time.ended + (recovery or 0.0)
    function = entry.append_times(calls[0].started + wall, calls[-1].ended + wall)
    return FaultResult(
        fault.name,
        fault.destroys,
        len(calls) + len(finals),
        len(stored),
        sum(call.status >= SERVER_ERROR for call in (*calls, *finals))
        + sum(deletion.status >= SERVER_ERROR and deletion.status != UNAVAILABLE for deletion in deletions),
        round(sum(call.served_by != "session" for call in calls) / len(calls), 4),
        verdict,
        in_lake,
        Times.of([duration for _, duration in function]),
        Times.of([duration for at, duration in function if fault_time.began <= at - wall <= until]),
        Times.of([_duration(call) for call in calls]),
        Times.of([_duration(call) for call in calls if fault_time.began <= call.ended <= until]),
        recovery,
    )


def _await_recovery(journal: Journal, pace: Pace, fault_ended: float) -> None:
    while (since := time.monotonic() - fault_ended) < PATIENCE_SECONDS:
        # Answers from before the fault's end say nothing about recovery, and `_recovery` does not count them.
        if since >= pace.after and journal.newest_are_from_the_session(RECOVERED, fault_ended):
            return
        time.sleep(POLL_SECONDS)


def _recovery(calls: Sequence[Call], fault_ended: float) -> float | None:
    """Return the seconds from the fault's end to the first of `RECOVERED` answers from the session in a row."""
    run: list[Call] = []
    for call in calls:
        if call.ended < fault_ended:
            continue
        run = [*run, call] if call.served_by == "session" else []
        if len(run) == RECOVERED:
            return round(run[0].ended - fault_ended, 3)
    return None


def _finals(url: str, session_ids: Sequence[str]) -> list[Call]:
    """Get each session's recommendations after the recovery."""

    def ask(share: Sequence[str]) -> list[Call]:
        with open_client(url) as client:
            return [_final(client, session_id) for session_id in share]

    with ThreadPoolExecutor(THREADS) as threads:
        shares = threads.map(ask, [session_ids[start::THREADS] for start in range(THREADS)])
        return [call for share in shares for call in share]


def _final(client: Client, session_id: str) -> Call:
    for _ in range(FINAL_TRIES):
        call = client.recommendations(session_id)
        if call.session_length is not None:
            break
    return call


def _stored(target: Target, session_ids: Sequence[str], version: str) -> dict[str, StoredSession]:
    reader = Reader(target)
    stored: dict[str, StoredSession] = {}
    for session_id in session_ids:
        key = _key(session_id)
        log, seen, snapshot = reader.fields(key, "log", "seen", f"h:{version}")
        stored[session_id] = StoredSession(decode_record(log, snapshot), seen or b"")
    reader.close()
    return stored


def _logs(stored: Mapping[str, StoredSession]) -> dict[str, list[str]]:
    """Return the tags in the log of each session, in hex."""
    return {
        session_id: [entry.tag.hex() for entry in session.record.log]
        for session_id, session in stored.items()
        if session.record is not None
    }


def _key(session_id: str) -> SessionKey:
    return session_key(KEY_SECRET.encode(), session_id, BUCKETS)


def _duration(call: Call) -> float:
    return (call.ended - call.started) * MS
