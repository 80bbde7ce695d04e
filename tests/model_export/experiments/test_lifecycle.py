"""Experiments on a route, from start to end: what each look does, also if it dies, meets another one, or a person."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from model_export.experiments import lifecycle
from model_export.experiments.decide import Decision, Rules
from model_export.experiments.live_sessions import sums_between
from model_export.experiments.records import Look, read_looks
from nextitem.errors import RegistryError, RegistryUnavailable, RouteConflict
from nextitem.registry.experiment import CHALLENGER, CHAMPION
from nextitem.registry.route import route_key
from tests.model_export.experiments.scene import HOUR, ROUTE, START, TIMING, A, B, Scene

WINS = {CHAMPION: (300, 0.4), CHALLENGER: (300, 0.6)}
LOSES = {CHAMPION: (300, 0.9), CHALLENGER: (300, 0.1)}


def decisions(scene: Scene) -> list[Decision]:
    """Return all decisions, without the random id."""
    looks = read_looks(scene.bucket, scene.record)
    return [msgspec.structs.replace(look.decision, experiment="") for look in looks]


def actions(scene: Scene) -> list[str]:
    return [look.decision.action for look in read_looks(scene.bucket, scene.record)]


def test_a_better_challenger_takes_the_steps_and_is_promoted(scene: Scene) -> None:
    # GIVEN a route whose challenger gets its first share
    record = scene.start()
    assert scene.shares == {A: 0.9, B: 0.1}
    assert [change.share for change in record.shares] == [0.1]
    # WHEN it proves better, look by look
    scene.sessions = WINS
    first = scene.look(1)
    assert first is not None
    assert (first.decision.action, scene.shares) == ("raise_share", {A: 0.5, B: 0.5})
    second = scene.look(2)
    # THEN it is promoted, and the record says so
    assert second is not None
    assert (second.decision.action, scene.shares) == ("promote", {B: 1.0})
    assert scene.route.experiment is None
    assert (scene.record.outcome, scene.record.ended) == ("promoted", START + 2 * HOUR)
    assert [(change.share, change.since) for change in scene.record.shares] == [(0.1, START), (0.5, START + HOUR)]
    # AND a look after that has nothing to do
    written = len(scene.bucket.written)
    assert scene.look(3) is None
    assert len(scene.bucket.written) == written


def test_each_look_reads_the_sessions_that_ended_since_the_last_one(scene: Scene) -> None:
    scene.start()
    for hours in (0.05, 1, 2, 4):
        scene.look(hours)
    delay, ms = timedelta(seconds=TIMING.delay), timedelta(milliseconds=1)
    begin = [(each.ended_after - scene.windows[0].ended_after) * ms for each in scene.windows]
    end = [(each.ended_by - scene.windows[0].ended_after) * ms for each in scene.windows]
    # The first look is too early: no event of the experiment is certain to be in the lake
    assert begin == [timedelta(), HOUR - delay, 2 * HOUR - delay]
    assert end == [HOUR - delay, 2 * HOUR - delay, 4 * HOUR - delay]
    looks = read_looks(scene.bucket, scene.record)
    assert [look.decision.look for look in looks] == [1, 2, 3, 4]
    assert looks[-1].decision.champion.sessions == sum(look.champion.sessions for look in looks)


def test_sessions_under_way_at_a_change_count_in_neither_arm(scene: Scene) -> None:
    scene.start()
    # The scene's sessions end with each window: TIMING.delay before the look, TIMING.idle after their last event
    look = scene.look((TIMING.delay + TIMING.idle + TIMING.settle) / 3600)
    assert look is not None
    assert look.left_out.under_way == 600
    assert (look.champion.sessions, look.challenger.sessions) == (0, 0)
    look = scene.look((TIMING.delay + TIMING.idle + TIMING.settle + 1) / 3600)
    assert look is not None
    assert look.left_out.under_way == 0
    assert (look.champion.sessions, look.challenger.sessions) == (540, 60)


def test_a_change_of_share_has_the_time_at_which_it_is_made(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a lake that takes five minutes to read
    clock = [0.0]
    read = sums_between

    def slowly(*arguments: Any) -> Any:
        clock[0] += 300.0
        return read(*arguments)

    monkeypatch.setattr(lifecycle, "monotonic", lambda: clock[0])
    monkeypatch.setattr("model_export.experiments.new_look.sums_between", slowly)
    scene.start()
    # WHEN a look raises the share after that THEN sessions that began meanwhile were under way
    scene.look(1)
    assert scene.record.shares[-1].since == START + HOUR + timedelta(minutes=5)


class Died(Exception):
    """The process died."""


@pytest.mark.parametrize(("sessions", "looks"), [(WINS, [1, 2]), (LOSES, [1])], ids=["promotion", "rollback"])
@pytest.mark.parametrize("lost", [False, True], ids=["dies", "bucket fails"])
@pytest.mark.slow
def test_a_look_that_dies_is_finished_by_the_next_one(
    sessions: dict[str, tuple[int, float]], looks: list[int], lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN an experiment without any fault
    calm = Scene(monkeypatch)
    calm.sessions = sessions
    calm.start()
    begun = len(calm.bucket.written)
    for hours in looks:
        assert calm.look(hours)
    # WHEN a process dies after each of its writes in turn, and looks again at the time of the next look
    for dies_after in range(begun + 1, len(calm.bucket.written) + 1):
        scene = Scene(monkeypatch)
        scene.sessions = sessions
        scene.start()

        def die(_key: str, scene: Scene = scene, dies_after: int = dies_after) -> None:
            if len(scene.bucket.written) == dies_after:
                raise RegistryUnavailable("no answer") if lost else Died

        scene.bucket.after_write = die
        for hours in looks:
            try:
                scene.look(hours)
            except (Died, RegistryUnavailable):
                scene.look(hours + 0.5)
        # THEN route, record and decisions are the same
        assert decisions(scene) == decisions(calm)
        assert scene.shares == calm.shares
        assert (scene.record.outcome, len(scene.record.shares)) == (calm.record.outcome, len(calm.record.shares))
        assert scene.route.experiment is None


@pytest.mark.parametrize("dies_after", [1, 2, 3, 4])
def test_a_start_that_dies_goes_on_or_ends(scene: Scene, dies_after: int) -> None:
    def die(_key: str) -> None:
        if len(scene.bucket.written) == dies_after:
            raise Died

    scene.bucket.after_write = die
    with pytest.raises(Died):
        scene.start()
    is_on_route = scene.route.experiment is not None
    # The next looks carry on with what the route says
    scene.look(0.5)
    assert scene.record.ended is None
    scene.sessions = LOSES
    scene.look(1.5)
    assert scene.record.outcome == ("rolled_back" if is_on_route else "never_started")
    assert scene.shares == {A: 1.0}
    assert is_on_route == (dies_after > 1)


def test_of_two_looks_at_a_time_one_decides(scene: Scene) -> None:
    # GIVEN two processes that have both read the lake before either has decided
    scene.start()
    scene.sessions = WINS
    others: list[Look | None] = []
    read = scene.measured.measured

    def look_meanwhile(*_arguments: object) -> object:
        scene.measured.measured = read  # type: ignore[method-assign]
        others.append(scene.look(1))
        return {"p99_ms": 999.0}  # this one measures later, and would roll back

    scene.measured.measured = look_meanwhile  # type: ignore[method-assign, assignment]
    # WHEN both come to a decision THEN one of them acts, once
    assert scene.look(1) is None
    assert [look and look.decision.action for look in others] == ["raise_share"]
    assert scene.shares == {A: 0.5, B: 0.5}
    assert actions(scene) == ["raise_share"]
    assert len(scene.record.shares) == 2


def test_a_look_beside_one_that_carries_out_a_decision_does_not_add_to_it(scene: Scene) -> None:
    # GIVEN a decision that is being carried out: the route is changed, the record not yet
    scene.start()
    scene.sessions = WINS
    others: list[Look | None] = []

    def look_meanwhile(key: str) -> None:
        if key == route_key(ROUTE):
            scene.bucket.after_write = lambda _key: None
            others.append(scene.look(1.1))

    scene.bucket.after_write = look_meanwhile
    # WHEN another process looks, and finishes it THEN the first one sees that there is nothing left to do
    assert scene.look(1) is None
    assert [look and look.decision.look for look in others] == [1]
    assert [change.share for change in scene.record.shares] == [0.1, 0.5]


def test_an_equal_challenger_is_not_decided_for(scene: Scene) -> None:
    scene.start(Rules(steps=(0.5,), minimum_sessions=50))
    for hours in range(1, 13):
        scene.look(hours)
    assert set(actions(scene)) == {"continue"}
    assert not scene.measured.asked  # no guard rail, no measurement


def test_an_experiment_that_is_not_decided_in_time_makes_way(scene: Scene) -> None:
    # GIVEN an equal challenger, which no number of sessions decides for
    scene.start(Rules(steps=(0.5,), minimum_sessions=50, longest_days=2))
    scene.look(47)
    assert actions(scene) == ["continue"]
    # WHEN its time is over THEN the champion has all sessions, and the reason says why
    look = scene.look(48)
    assert look is not None
    assert look.decision.reason.startswith("not decided within 2 days: the hit rate changes by ")
    assert (look.decision.share_after, scene.shares, scene.record.outcome) == (0.0, {A: 1.0}, "rolled_back")


def test_a_route_that_keeps_changing_is_an_error_after_some_tries(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def conflict(*_arguments: object) -> None:
        tries.append(1)
        raise RouteConflict("changed")

    monkeypatch.setattr(lifecycle, "read_open_records", conflict)
    with pytest.raises(RouteConflict):
        scene.look(1)
    assert len(tries) == 3


def test_looks_are_read_in_their_order_and_damaged_documents_are_named(scene: Scene) -> None:
    scene.start()
    for hours in range(1, 12):
        scene.look(hours)
    looks = read_looks(scene.bucket, scene.record)
    assert [look.decision.look for look in looks] == list(range(1, 12))
    key = next(key for key in scene.bucket.objects if key.endswith("/decisions/000003.json"))
    scene.bucket.objects[key] = b"[]"
    with pytest.raises(RegistryError, match=key):
        scene.look(12)
