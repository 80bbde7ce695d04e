"""The parts of a drill beside the real ones: the order of its operations, its history, its report."""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.drill import operations as module
from bench.drill import report
from bench.drill.acts import BAD, CHANGED, EQUAL, EXPECTED, STEADY, Act, Outcome, Row
from bench.drill.operations import CANARY_STEPS, Operations
from bench.drill.settings import LOOK_SECONDS, SMALL
from bench.drill.traffic import Visited, hit_rate
from bench.drill.versions import DAYS_AGO, HISTORY_DAYS, write_history
from model_export.lake.records import HOUR_MS
from model_export.simulator import Shop
from tests.model_export.lake.rows import rows_of
from tests.nextitem.memory_bucket import MemoryBucket

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
SESSIONS = 30


class Retraining:
    """A retraining that ends when it should."""

    def __init__(self) -> None:
        self.ended = False

    def poll(self) -> int | None:
        return 0 if self.ended else None


class Loop:
    """Operations whose parts record that they were run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.level, self.passes = 0.0, "steady", True
        self.experiment: object = None
        self.retrainings: list[Retraining] = []
        self.canaries: list[tuple[object, ...]] = []
        self.looks = 0
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(
            module, "measure_route", lambda *_: SimpleNamespace(level=self.level, version="v", reasons=(), hit_rates=())
        )
        monkeypatch.setattr(module, "write_report", lambda *_: "")
        monkeypatch.setattr(module, "retraining", self._retrain)
        verdict = {"reason": "because"}
        monkeypatch.setattr(module, "outcome", lambda _: {"version": "v2", "passed": self.passes, "verdict": verdict})
        monkeypatch.setattr(Operations, "record", property(lambda _: self.experiment))
        monkeypatch.setattr(Operations, "start_canary", lambda _, *canary: self.canaries.append(canary))
        monkeypatch.setattr(Operations, "look", lambda _: self._look())
        stack: Any = SimpleNamespace(lake=SimpleNamespace(collect=lambda: None))
        bucket: Any = None
        self.operations = Operations(stack, bucket, bucket, SMALL, lambda _: None)

    def _retrain(self, *_: object, **__: object) -> Retraining:
        self.retrainings.append(Retraining())
        return self.retrainings[-1]

    def _look(self) -> None:
        self.looks += 1

    def _measure(self, *_: object) -> SimpleNamespace:
        return SimpleNamespace(level=self.level, version="v", reasons=(), hit_rates=())

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            self.operations.tick()


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    return Loop(monkeypatch)


def test_a_steady_shop_moves_nothing(loop: Loop) -> None:
    for level in ("steady", "moderate", "elevated"):
        loop.level = level
        loop.run(60)
    assert (loop.retrainings, loop.canaries, loop.looks, loop.operations.paged_at) == ([], [], 0, None)


@pytest.mark.parametrize("passes", [True, False])
def test_a_page_leads_to_one_retraining_and_a_passed_gate_to_a_canary(loop: Loop, passes: bool) -> None:
    loop.level, loop.passes = "failing", passes
    loop.run(60)
    assert len(loop.retrainings) == 1
    assert loop.operations.paged_at is not None
    loop.retrainings[0].ended = True
    loop.run(1)
    assert loop.canaries == ([("v2", *CANARY_STEPS)] if passes else [])
    # a version that was refused is followed by another retraining, for drift pages on
    loop.run(30)
    assert len(loop.retrainings) == 2


def test_while_an_experiment_runs_it_is_looked_at_and_nothing_is_retrained(loop: Loop) -> None:
    loop.level, loop.experiment = "failing", object()
    loop.run(30)
    assert (loop.retrainings, loop.looks) == ([], -(-30 // LOOK_SECONDS))


@pytest.mark.slow
def test_the_history_is_in_the_lake_once_and_older_than_what_is_retrained_on() -> None:
    bucket = MemoryBucket()
    shop = Shop(products=32)
    write_history(bucket, shop, SESSIONS, NOW)
    rows = rows_of(bucket)
    expected = sorted(event.item_id for session in shop.sessions(SESSIONS, seed=101) for event in session.events())
    assert sorted(row["item_id"] for row in rows) == expected
    assert len({row["session"] for row in rows}) == SESSIONS
    ages = [(NOW.timestamp() - row["arrived_at"] / 1000) / 86_400 for row in rows]
    assert min(ages) > DAYS_AGO - HISTORY_DAYS > 2
    assert max(ages) < DAYS_AGO + 1
    for key in bucket.keys("lake/"):
        hours = {row["arrived_at"] // HOUR_MS for row in rows if row["entry"] in key}
        assert len(hours) == 1


def act(name: str, decision: Outcome, noticed: float | None = None) -> Act:
    row = Row(name, noticed, 12.3, decision, 0.8, 0.41234, None, 100)
    words = dict.fromkeys(("gate", "reason", "challenger", "level"), "words")
    numbers = {
        "looks": 3,
        "largest_share": 0.2,
        "affected_sessions": 17,
        "all_sessions": 100,
        "promised": 0.8,
        "online": 0.7,
        "failed_requests": 0,
    }
    return Act(row, {**words, **numbers})


def acts(**decisions: Outcome) -> list[Act]:
    return [act(name, decisions.get(name.partition(" ")[0], EXPECTED[name])) for name in EXPECTED]


def test_the_report_has_the_rows_and_the_page_all_figures(tmp_path: Path) -> None:
    report.write(acts(), SMALL, 61.23, tmp_path / "drill.json")
    rows = json.loads((tmp_path / "drill.json").read_text())["rows"]
    assert [row["act"] for row in rows] == [STEADY, CHANGED, BAD, EQUAL]
    assert rows[1] == {
        "act": CHANGED,
        "noticed_s": None,
        "decided_s": 12.3,
        "decision": "promote",
        "hit_rate_before": 0.8,
        "hit_rate_during": 0.41234,
        "hit_rate_after": None,
        "sessions": 100,
    }
    report.write_postmortem(acts(), ["1 s: it begins"], tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text()
    assert "$" not in page
    for part in ("from 0.800 to 0.412", "17 of\n100 sessions", "largest share was 20%", "- 1 s: it begins"):
        assert part in page


@pytest.mark.parametrize(
    ("name", "decision"), [("steady", "promote"), ("changed", "none"), ("bad", "promote"), ("equal", "rollback")]
)
def test_an_act_that_ends_otherwise_is_seen(name: str, decision: Outcome) -> None:
    assert all(map(report.is_expected, acts()))
    assert [report.is_expected(each) for each in acts(**{name: decision})].count(False) == 1
    assert not report.is_expected(act(STEADY, "none", noticed=3.0))


def test_the_hit_rate_is_that_of_all_next_items() -> None:
    assert hit_rate([Visited(0, 4, 1, 0), Visited(1, 0, 0, 0), Visited(2, 1, 1, 0)]) == 0.4
    assert hit_rate([]) is None
