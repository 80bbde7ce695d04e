"""One fault from start to end: traffic, the blow, recovery, and the oracle's verdict, as one row of the report."""

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bench.chaos.client import Client, client_of
from bench.chaos.faults import Fault
from bench.chaos.journal import Call, Journal
from bench.chaos.oracle import Oracle, StoredSession, Verdict
from bench.chaos.scenes import Reader, Scene
from bench.chaos.traffic import THREADS, Traffic
from devstack.replay.report import percentile
from devstack.stack import KEY_SECRET, Stack
from nextitem.model.engine import Model
from nextitem.sessions.codec import decode_record
from nextitem.sessions.keys import session_key

LASTING = 50
"""Answers in a row, all from the session, after which the function counts as recovered."""
PATIENCE_SECONDS = 20.0
"""Of traffic after the fault at most: by then the function should have recovered."""
LOOK_SECONDS = 0.02
FINAL_TRIES = 20
MS = 1000.0
SERVER_ERROR = 500


@dataclass(frozen=True)
class Pace:
    """Seconds of traffic before the fault, and after it at least; longer while there is no recovery."""

    before: float = 1.0
    after: float = 1.5


@dataclass(frozen=True)
class Times:
    """Milliseconds of some answers."""

    p99: float
    max: float

    @classmethod
    def of(cls, milliseconds: Sequence[float]) -> "Times":
        """Summarise."""
        return cls(round(percentile(milliseconds, 99), 1), round(max(milliseconds, default=0.0), 1))


@dataclass(frozen=True)
class Row:
    """What came of one fault. `function` times are those of its metrics records, `client` ones include the way."""

    fault: str
    destroys: bool
    requests: int
    sessions: int
    http_5xx: int
    stateless_share: float
    verdict: Verdict
    function: Times
    function_during: Times
    client: Times
    client_during: Times
    recovery_s: float | None

    @property
    def passed(self) -> bool:
        """Whether nothing happened that must not."""
        verdict = self.verdict
        wrong = self.http_5xx or verdict.doubled or verdict.corrupted or verdict.unexcused
        return not wrong and self.recovery_s is not None


@dataclass(frozen=True)
class _Moments:
    """When the fault began and when it was lifted (or had struck), in monotonic seconds."""

    began: float
    lifted: float


def warmed(stack: Stack, workers: int) -> None:
    """Have every worker answer some requests, so that no cold start is measured.

    Raises:
        AssertionError: the function does not work even before a fault.
    """

    def ask(number: int) -> set[int]:
        with client_of(stack.url) as client:
            return {client.recommendations(f"warm-{number}").status for _ in range(10)}

    with ThreadPoolExecutor(workers * 3) as threads:
        while len(stack.cold_starts) < workers:
            statuses = set[int]().union(*threads.map(ask, range(workers * 3)))
            if max(statuses) >= SERVER_ERROR:
                raise AssertionError("the function fails without any fault: " + "\n".join(stack.log_lines()[-20:]))


def run(fault: Fault, scene: Scene, stack: Stack, model: Model, sessions: int, pace: Pace) -> Row:
    """Put a deployment under traffic, break it, and return what came of that.

    Args:
        fault: what to do.
        scene: the deployment, whole.
        stack: the function that has its store there, warm.
        model: the model that serves.
        sessions: how many are open at any time.
        pace: how long traffic goes on around the fault.
    """
    traffic = Traffic(stack.url, sessions, fault.name.replace(" ", "-"))
    scene.live_keys = lambda: [session_key(KEY_SECRET.encode(), one) for one in traffic.session_ids]
    scene.paused, scene.frozen = traffic.paused, stack.frozen
    wall = time.time() - time.monotonic()
    with traffic:
        time.sleep(pace.before)  # traffic as ever, to compare with
        began = time.monotonic()
        fault.strike(scene)
        moments = _Moments(began, time.monotonic())
        _await_recovery(traffic.journal, pace)
    calls = traffic.journal.calls
    finals = _finals(stack.url, sorted({call.session_id for call in calls}))
    stored = _stored(scene, [call.session_id for call in finals], model.version)
    verdict = Oracle(model, moments.lifted if fault.destroys else None).judge([*calls, *finals], stored)
    recovery = _recovery(calls, moments.lifted)
    until = moments.lifted + (recovery or 0.0)
    function = _function_times(stack, calls[0].started + wall, calls[-1].ended + wall)
    return Row(
        fault.name,
        fault.destroys,
        len(calls) + len(finals),
        len(stored),
        sum(call.status >= SERVER_ERROR for call in (*calls, *finals)),
        round(sum(call.served_by != "session" for call in calls) / len(calls), 4),
        verdict,
        Times.of([took for _, took in function]),
        Times.of([took for at, took in function if moments.began <= at - wall <= until]),
        Times.of([_took(call) for call in calls]),
        Times.of([_took(call) for call in calls if moments.began <= call.ended <= until]),
        recovery,
    )


def _await_recovery(journal: Journal, pace: Pace) -> None:
    struck = time.monotonic()
    while (since := time.monotonic() - struck) < PATIENCE_SECONDS:
        if since >= pace.after and journal.unbroken >= LASTING:
            return
        time.sleep(LOOK_SECONDS)  # traffic runs in other threads; this one only looks


def _recovery(calls: Sequence[Call], lifted: float) -> float | None:
    """Return the seconds from the fault's end to the first of a lasting run of answers from the session."""
    run: list[Call] = []
    for call in calls:
        if call.ended < lifted:
            continue
        run = [*run, call] if call.served_by == "session" else []
        if len(run) == LASTING:
            return round(run[0].ended - lifted, 3)
    return None


def _finals(url: str, session_ids: Sequence[str]) -> list[Call]:
    """Ask for each session's recommendations, once everything is well again."""

    def ask(share: Sequence[str]) -> list[Call]:
        with client_of(url) as client:
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


def _stored(scene: Scene, session_ids: Sequence[str], version: str) -> dict[str, StoredSession]:
    reader = Reader(scene)
    stored: dict[str, StoredSession] = {}
    for session_id in session_ids:
        key = session_key(KEY_SECRET.encode(), session_id)
        log, seen, snapshot = reader.fields(key, "log", "seen", f"h:{version}")
        stored[session_id] = StoredSession(decode_record(log, snapshot), seen or b"")
    reader.close()
    return stored


def _function_times(stack: Stack, since: float, until: float) -> list[tuple[float, float]]:
    """Return when (epoch seconds) and how long (ms) the function worked on appends, by its own metrics records."""
    found: list[tuple[float, float]] = []
    for line in stack.log_lines():
        if '"_aws"' not in line:
            continue
        record = json.loads(line)
        at = record["_aws"]["Timestamp"] / MS
        if record["operation"] == "append_events" and since <= at <= until:
            found.append((at, record["total_ms"]))
    return found


def _took(call: Call) -> float:
    return (call.ended - call.started) * MS
