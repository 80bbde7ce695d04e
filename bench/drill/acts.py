"""The four acts. Each changes the shop or offers a version, and watches what the operations make of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from bench.drill.operations import CANARY_STEPS, Operations
from bench.drill.settings import IDLE_SECONDS, ROUTE, SETTLE_SECONDS, Size
from bench.drill.traffic import Visitors, hit_rate
from bench.drill.versions import copy_of, gate
from model_export.experiments.audit import recorded_override
from model_export.experiments.lifecycle import stop_experiment
from model_export.experiments.live_sessions import epoch_ms
from model_export.experiments.records import Record, read_records
from model_export.lake.reader import SessionWindow, read_ended_sessions
from model_export.simulator import Shop
from nextitem.registry.experiment import CHALLENGER
from nextitem.registry.publisher import Publisher

POLL_SECONDS = 0.25
"""Between two looks at the clock, which says what is due, and at the visits, whose thread notifies no other."""
Outcome = Literal["promote", "rollback", "none"]
STEADY, CHANGED, BAD, EQUAL = "steady shop", "changed shop", "bad challenger", "equal challenger"
EXPECTED: dict[str, Outcome] = {STEADY: "none", CHANGED: "promote", BAD: "rollback", EQUAL: "none"}
"""The decision of each act. Of two equal versions, one in twenty drills may decide for one: that is what 95 % means."""


@dataclass(frozen=True)
class Row:
    """An act in figures: seconds since its begin, the decision, hit rates before, until and after it, its sessions."""

    act: str
    noticed_s: float | None
    decided_s: float | None
    decision: Outcome
    hit_rate_before: float | None
    hit_rate_during: float | None
    hit_rate_after: float | None
    sessions: int


@dataclass(frozen=True)
class Act:
    """An act: its row, and what else the page says of it; among that, the requests that failed."""

    row: Row
    details: dict[str, Any]


class TooSlow(Exception):
    """An act did not come to its end."""


@dataclass
class Stage:
    """Where the acts play.

    Attributes:
        visitors: the live traffic.
        operations: the learning loop.
        size: of the drill.
        folder: for artifacts.
        show: shows the state of an act.
    """

    visitors: Visitors
    operations: Operations
    size: Size
    folder: Path
    show: Callable[[str], None]
    _begun: float = field(default_factory=time.monotonic)
    _first: int = 0

    def begin(self) -> None:
        """Begin an act."""
        self.operations.forget()
        self._begun, self._first = time.monotonic(), self.visitors.count

    def wait(self, act: str, until: Callable[[], bool]) -> None:
        """Run the operations until a condition holds.

        Raises:
            TooSlow: it takes too long.
        """
        limit = time.monotonic() + self.size.patience_seconds
        while not until():
            if time.monotonic() > limit:
                raise TooSlow(f"act {act}: not over after {self.size.patience_seconds:g} s")
            self.operations.tick()
            self.show(f"{act}: {self.visitors.count - self._first} sessions, {self._state()}")
            time.sleep(POLL_SECONDS)

    def sessions(self, count: int, act: str) -> None:
        """Run the operations while so many sessions come."""
        goal = self.visitors.count + count
        self.wait(act, lambda: self.visitors.count >= goal)

    def row(self, act: str, decision: Outcome, noticed: float | None, decided: float | None, until: int) -> Row:
        """Return the row of an act that ends now; its decision came after the session `until`."""
        recent = self.size.recovery
        before = self.visitors.between(max(self._first - recent, 0), self._first)
        after = self.visitors.between(max(self.visitors.count - recent, until), self.visitors.count)
        return Row(
            act,
            self._since_begin(noticed),
            self._since_begin(decided),
            decision,
            hit_rate(before),
            hit_rate(self.visitors.between(self._first, until)),
            hit_rate(after),
            self.visitors.count - self._first,
        )

    def failures(self) -> dict[str, int]:
        """Return how many requests failed in the act so far."""
        visits = self.visitors.between(self._first, self.visitors.count)
        return {"failed_requests": sum(each.failures for each in visits)}

    def _since_begin(self, at: float | None) -> float | None:
        return None if at is None else round(at - self._begun, 1)

    def _state(self) -> str:
        recent = hit_rate(self.visitors.between(max(self.visitors.count - self.size.recovery, 0), self.visitors.count))
        drift = self.operations.drift
        parts = ["no hit rate yet" if recent is None else f"hit rate {recent:.2f}"]
        parts += [] if drift is None else [f"drift {drift.level}"]
        parts += ["retraining"] if self.operations.retrains else []
        if self.operations.looks:
            decision = self.operations.looks[-1].decision
            parts.append(f"look {decision.look} at {decision.share_before:.0%}: {decision.action}")
        return ", ".join(parts)


def steady_shop(stage: Stage) -> Act:
    """Let the shop be as the champion learned it: nothing may page, and no version may change."""
    stage.sessions(stage.size.recovery, STEADY)  # the hit rate before the act
    stage.begin()
    before = _live(stage)
    stage.sessions(stage.size.steady, STEADY)
    stage.operations.measure_drift()
    until = stage.visitors.count
    stage.sessions(stage.size.recovery, STEADY)
    decision: Outcome = "none" if _live(stage) == before and not stage.operations.retrains else "promote"
    drift = stage.operations.drift
    if drift is None:
        raise AssertionError("drift was measured above")
    online = next((rate.value for rate in drift.hit_rates if rate.version == drift.version), None)
    details = {"level": drift.level, "promised": drift.promised, "online": online, "reasons": drift.reasons}
    row = stage.row(STEADY, decision, stage.operations.paged_at, None, until)
    return Act(row, details | stage.failures())


def changed_shop(stage: Stage, shop: Shop) -> Act:
    """Change products and tastes: drift pages, a retraining passes its gate, a canary wins."""
    stage.begin()
    before = _live(stage)
    stage.visitors.change_to(shop)
    stage.wait(CHANGED, lambda: _live(stage) != before)
    decided, until = time.monotonic(), stage.visitors.count
    record = _last_record(stage)
    time.sleep(SETTLE_SECONDS)
    stage.sessions(stage.size.recovery, CHANGED)
    row = stage.row(CHANGED, "promote", stage.operations.paged_at, decided, until)
    return Act(row, {"champion": before, **_of_experiment(stage, record), **stage.failures()})


def bad_challenger(stage: Stage, version: str) -> Act:
    """Force a model that learned nonsense past its gate: it takes itself back."""
    verdict = gate(stage.operations.stack, version, stage.size)
    stage.begin()
    override = recorded_override(stage.operations.bucket, ROUTE, "forced-canary", {"version": version})
    stage.operations.start_canary(version, *CANARY_STEPS, override=override)
    act = _tried(stage, BAD, lambda: False)
    return Act(act.row, {"gate": verdict["reason"], "gate_passed": verdict["passed"], **act.details})


def equal_challenger(stage: Stage) -> Act:
    """Try a version that answers as the champion does: there is nothing to decide."""
    bucket = stage.operations.bucket
    version = Publisher(bucket, ROUTE).publish(copy_of(bucket, _live(stage), stage.folder))
    verdict = gate(stage.operations.stack, version, stage.size)
    stage.begin()
    stage.operations.start_canary(version, CANARY_STEPS[-1])

    def is_seen() -> bool:
        looks = stage.operations.looks
        arms = (looks[-1].decision.champion, looks[-1].decision.challenger) if looks else ()
        return sum(arm.sessions for arm in arms) >= stage.size.undecided

    act = _tried(stage, EQUAL, is_seen)
    return Act(act.row, {"gate": verdict["reason"], **act.details})


def _tried(stage: Stage, act: str, is_enough: Callable[[], bool]) -> Act:
    """Wait until an experiment is decided, or has had enough sessions; stop it in the latter case."""
    stage.wait(act, lambda: stage.operations.record is None or is_enough())
    ended, until = time.monotonic(), stage.visitors.count
    if stage.operations.record is not None:
        stop_experiment(stage.operations.bucket, ROUTE, datetime.now(UTC), by="bench.drill")
    record = _last_record(stage)
    decision: Outcome = {"promoted": "promote", "rolled_back": "rollback"}.get(record.outcome or "", "none")  # type: ignore[assignment]  # these are outcomes
    time.sleep(SETTLE_SECONDS)
    stage.sessions(stage.size.recovery, act)
    at = None if decision == "none" else ended
    row = stage.row(act, decision, at, at, until)
    return Act(row, _of_experiment(stage, record) | stage.failures())


def _of_experiment(stage: Stage, record: Record) -> dict[str, Any]:
    """Return what an experiment was, and which share of its sessions the challenger answered at least once."""
    last = stage.operations.looks[-1].decision
    began = record.shares[0].since if record.shares else record.started
    ended = record.ended or datetime.now(UTC)
    window = SessionWindow(
        epoch_ms(began), epoch_ms(ended) + round((SETTLE_SECONDS + IDLE_SECONDS) * 1000), round(IDLE_SECONDS * 1000)
    )
    rows = read_ended_sessions(stage.operations.lake, window)
    affected = set(rows.session[rows.variant == CHALLENGER].tolist())
    return {
        "experiment": record.experiment,
        "challenger": record.challenger,
        "looks": last.look,
        "reason": last.reason,
        "relative_difference": last.relative_difference,
        "largest_share": max((change.share for change in record.shares if change.share < 1), default=0.0),
        "affected_sessions": len(affected),
        "all_sessions": len(set(rows.session.tolist())),
    }


def _last_record(stage: Stage) -> Record:
    return read_records(stage.operations.bucket, ROUTE)[-1]


def _live(stage: Stage) -> str:
    route = Publisher(stage.operations.bucket, ROUTE).current()
    if route is None:
        raise AssertionError("the route of a drill has a version")
    return route.champion.version
