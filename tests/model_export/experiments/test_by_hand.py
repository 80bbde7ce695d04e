"""Experiments that a person starts, stops, or ends by a change of the route."""

from pathlib import Path

import msgspec
import pytest

from model_export.experiments.audit import read_audit
from model_export.experiments.lifecycle import start_experiment, stop_experiment
from model_export.experiments.records import Timing, read_records
from nextitem.errors import InputError, RegistryError, RouteConflict
from nextitem.registry.experiment import CHALLENGER, CHAMPION
from tests.model_export.experiments.scene import HOUR, ROUTE, RULES, START, A, B, C, Scene

WINS = {CHAMPION: (300, 0.4), CHALLENGER: (300, 0.6)}


class Died(Exception):
    """The process died."""


def _raise_died(_key: str) -> None:
    raise Died


def test_a_person_ends_an_experiment_and_the_next_look_closes_the_record(scene: Scene) -> None:
    scene.start()
    scene.look(1)
    scene.publisher.rollback(Path())
    assert scene.look(2) is None
    assert (scene.record.outcome, scene.record.ended) == ("ended_by_hand", START + 2 * HOUR)
    # AND another experiment can start, and has looks of its own
    scene.start()
    look = scene.look(3)
    assert look is not None
    assert look.decision.look == 1
    assert len(read_records(scene.bucket, ROUTE)) == 2


def test_a_promotion_that_a_person_prevented_is_not_called_one(scene: Scene) -> None:
    # GIVEN a decision to promote whose process died before it changed the route, and a person who rolled back
    scene.start()
    scene.sessions = WINS
    scene.look(1)
    scene.bucket.after_write = _raise_died
    with pytest.raises(Died):
        scene.look(2)
    scene.bucket.after_write = lambda _key: None
    scene.publisher.rollback(Path())
    # WHEN the next look comes THEN it does not promote
    assert scene.look(3) is None
    assert (scene.shares, scene.record.outcome) == ({A: 1.0}, "ended_by_hand")


def test_stop_gives_everything_back_and_leaves_an_entry(scene: Scene) -> None:
    scene.start()
    stopped = stop_experiment(scene.bucket, ROUTE, START + HOUR, by="bob")
    assert (scene.shares, scene.record.outcome) == ({A: 1.0}, "stopped")
    assert (stopped.record, stopped.unreadable) == (scene.record, None)
    begin, end = read_audit(scene.bucket, ROUTE)
    assert (begin.what, begin.at, begin.details["versions"]) == ("canary", START, [A, B])
    assert (end.what, end.at) == ("stop", START + HOUR)
    assert begin.details["experiment"] == end.details["experiment"] == stopped.experiment
    assert [entry.details["by"] for entry in (begin, end)] == ["ann", "bob"]
    with pytest.raises(InputError, match="no experiment runs"):
        stop_experiment(scene.bucket, ROUTE, START + HOUR, by="bob")


@pytest.mark.parametrize("data", [b"{}", b"[", b" " * (2 << 20), None], ids=["fields", "json", "size", "missing"])
@pytest.mark.parametrize("document", ["record.json", "decisions/000001.json", "history"])
def test_no_damaged_document_keeps_a_person_from_stopping(scene: Scene, document: str, data: bytes | None) -> None:
    # GIVEN an experiment with a look, and an earlier one, of which a document is damaged or lost
    scene.start()
    stop_experiment(scene.bucket, ROUTE, START, by="ann")
    running = scene.start()
    scene.look(1)
    own = [key for key in scene.bucket.objects if key.endswith(f"{running.experiment}/{document}")]
    keys = own or [key for key in scene.bucket.objects if key.startswith("routes/history/")]
    for key in keys:
        if data is None:
            del scene.bucket.objects[key]
        else:
            scene.bucket.objects[key] = data
    # WHEN a person stops it THEN the champion has all sessions, and what could not be read is said and kept
    stopped = stop_experiment(scene.bucket, ROUTE, START + 2 * HOUR, by="ann")
    assert (scene.shares, stopped.champion, stopped.experiment) == ({A: 1.0}, A, running.experiment)
    assert (stopped.unreadable is not None) == (document == "record.json")
    assert (stopped.record is None) == (document == "record.json")
    entry = read_audit(scene.bucket, ROUTE)[-1]
    assert (entry.what, entry.details.get("unreadable")) == ("stop", stopped.unreadable)
    # AND it does not ask for the stop that has just been done
    assert "experiment stop" not in (stopped.unreadable or "")
    # AND another experiment can start and be looked at
    scene.start()
    scene.look(3)


@pytest.mark.parametrize("data", [b"{}", b" " * (2 << 20)], ids=["fields", "size"])
def test_a_damaged_decision_of_an_experiment_that_was_rolled_back_does_not_stop_looks(
    scene: Scene, data: bytes
) -> None:
    # GIVEN a person who ended an experiment by a rollback, a damaged decision of it, and another experiment
    earlier = scene.start()
    scene.look(1)
    scene.publisher.rollback(Path())
    (decision,) = (key for key in scene.bucket.objects if "/decisions/" in key)
    scene.bucket.objects[decision] = data
    scene.start()
    # WHEN it is looked at THEN it gets its decision, and the record of the earlier one is closed
    look = scene.look(2)
    assert look is not None
    assert look.decision.look == 1
    records = {record.experiment: record.outcome for record in read_records(scene.bucket, ROUTE)}
    assert records.pop(earlier.experiment) == "ended_by_hand"
    assert list(records.values()) == [None]


def test_a_version_that_a_person_promotes_while_an_experiment_starts_is_its_champion(scene: Scene) -> None:
    # GIVEN a person who promotes another version after the start has read the route
    def promote(_key: str) -> None:
        scene.bucket.after_write = lambda _key: None
        scene.publisher.promote(C, Path())

    scene.bucket.after_write = promote
    # WHEN the challenger gets its share THEN the record compares it with the version that has the others
    record = scene.start()
    assert scene.shares == {C: 0.9, B: 0.1}
    assert record.champion == C


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), -1.0])
@pytest.mark.parametrize("name", ["idle", "delay", "settle", "longest"])
def test_times_that_json_has_not_are_refused_before_they_are_in_a_record(name: str, seconds: float) -> None:
    with pytest.raises(InputError, match=f"{name} {seconds}"):
        Timing(**{name: seconds})


def test_what_cannot_start_is_refused(scene: Scene) -> None:
    preference = msgspec.structs.replace(RULES, metric="preference")
    with pytest.raises(InputError, match="interleaving"):
        scene.start(kind="interleaving")
    with pytest.raises(InputError, match="interleaving"):
        scene.start(preference)
    with pytest.raises(InputError, match="live"):
        start_experiment(scene.bucket, ROUTE, A, "canary", RULES, START, by="ann")
    assert scene.record.outcome == "never_started"
    running = scene.start()
    with pytest.raises(RouteConflict, match=running.experiment):
        start_experiment(scene.bucket, ROUTE, C, "canary", RULES, START, by="ann")


def test_an_experiment_without_a_record_is_an_error(scene: Scene) -> None:
    assert scene.look(1) is None
    scene.publisher.start_experiment(B, 0.1, Path())
    with pytest.raises(RegistryError, match="no record; end it with `nextitem experiment stop`"):
        scene.look(2)
