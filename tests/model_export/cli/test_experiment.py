"""`nextitem canary` and `nextitem experiment`: what they do, show, and refuse."""

import re
import time
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from model_export.cli.canary import steps_of
from model_export.cli.registry_options import BucketOptions
from model_export.experiments.decide import Bound, Rules
from model_export.lake.note import NOTE, Note
from nextitem.errors import InputError
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.registry.experiment import CHALLENGER, CHAMPION
from nextitem.registry.publisher import Publisher
from tests.building import ROOT
from tests.model_export.cli.commandline import done, nextitem
from tests.model_export.experiments.scene import A, B, Scene
from tests.model_export.lake.test_reader import record, write_lake
from tests.nextitem.memory_bucket import MemoryBucket

TIME = re.compile(rb"\d{4}-\d\d-\d\dT[0-9:.]+(\+00:00|Z)")


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A route whose champion is A, in the bucket of all commands."""
    scene = Scene(monkeypatch)
    monkeypatch.setattr(BucketOptions, "store", lambda _self: scene.bucket)
    return scene


@pytest.mark.slow
def test_a_version_is_tried_looked_at_and_promoted(scene: Scene) -> None:
    # WHEN a version gets a first share
    answer = done("canary", B, "--share", "10", "--minimum-sessions", "50", "--steps", "5,20,50")
    assert answer.out.strip() == scene.record.experiment
    assert f"{B} has 10 % of the sessions, {A} the others" in answer.err
    assert scene.record.rules == Rules(steps=(0.1, 0.2, 0.5), minimum_sessions=50)
    assert "no look yet" in done("experiment", "status").out
    # AND proves better, look by look
    scene.sessions = {CHAMPION: (300, 0.4), CHALLENGER: (300, 0.6)}
    let_time_pass(scene)
    look = done("experiment", "look").out
    assert "share raised, 10 % -> 20 %" in look
    assert "hit rate +50.0 % [" in look
    assert f"challenger {B}: 60 sessions, mean 0.6000" in look
    for _ in range(2):
        let_time_pass(scene)
        document = done("experiment", "look", "--json").document
    # THEN it is promoted, and status and log say so
    assert document["decision"]["action"] == "promote"
    assert "the challenger was promoted" in done("experiment", "status").out
    shown = done("experiment", "status", "--json").document
    assert (shown["record"]["outcome"], shown["look"]["decision"]["look"]) == ("promoted", 3)
    log = done("experiment", "log").out
    assert [log.count(text) for text in ("share raised", "challenger promoted")] == [2, 1]
    assert "nothing to decide" in done("experiment", "look").err


def let_time_pass(scene: Scene) -> None:
    """Set all that has happened back by a day, so that sessions under way at the newest change have ended.

    The collector has brought in all of them.
    """
    scene.bucket.objects[NOTE] = msgspec.json.encode(Note(complete_until=time.time_ns() // 1_000_000))
    for key in scene.bucket.keys("experiments/"):
        scene.bucket.objects[key] = TIME.sub(_a_day_before, scene.bucket.objects[key])


def _a_day_before(found: re.Match[bytes]) -> bytes:
    return (datetime.fromisoformat(found[0].decode()) - timedelta(days=1)).isoformat().encode()


def test_a_person_stops_an_experiment(scene: Scene, tmp_path: Path) -> None:
    done("canary", B, "--kind", "interleaving", "--guard", "p99_ms=150", "--guard", "error_rate=0.01")
    assert scene.record.rules.metric == "preference"
    assert scene.record.rules.guards == (Bound("p99_ms", 150.0), Bound("error_rate", 0.01))
    look = done("experiment", "look", "--metric-logs", tmp_path).out
    assert "p99_ms: not measured, at most 150" in look
    assert "number of credits not known yet" in look
    assert "is stopped" in done("experiment", "stop").err
    assert scene.shares == {A: 1.0}
    entries = done("experiment", "log", "--json").document
    assert [entry.get("what") for entry in entries] == ["interleaving", None, "stop"]
    assert "a person stopped the experiment" in done("experiment", "log").out


@pytest.mark.parametrize("document", ["record.json", "decisions/000001.json"])
@pytest.mark.slow
def test_a_damaged_document_is_named_and_the_others_are_shown(
    scene: Scene, document: str, caplog: pytest.LogCaptureFixture
) -> None:
    # GIVEN an experiment that was stopped, another one with a look, and a document of that one that is damaged
    done("canary", B)
    done("experiment", "stop")
    done("canary", B)
    let_time_pass(scene)
    done("experiment", "look")
    running = scene.record.experiment
    [key] = [key for key in scene.bucket.objects if key.endswith(f"{running}/{document}")]
    scene.bucket.objects[key] = b"{"
    # WHEN they are shown THEN it is named, and the rest is there
    shown, listed = done("experiment", "status"), done("experiment", "log")
    is_record = document == "record.json"
    assert ("a person stopped it" in shown.out, running in shown.out) == (is_record, not is_record)
    assert (f"experiment {running} runs, but its record cannot be read" in shown.err) == is_record
    assert caplog.text.count(f"{key} is not a document of an experiment") == 2
    assert listed.out.count("canary") == 2
    assert "a person stopped the experiment" in listed.out


def test_without_an_experiment_there_is_nothing_to_show(scene: Scene) -> None:
    assert "has had no experiment" in done("experiment", "status").err
    assert done("experiment", "look", "--json").document is None
    assert done("experiment", "log", "--json").document == []
    assert "no experiment runs on route live" in nextitem("experiment", "stop").fault
    assert scene.shares == {A: 1.0}


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("--kind", "trial"), "canary or interleaving"),
        (("--kind", "interleaving", "--metric", "clicked"), "by their preference"),
        (("--metric", "revenue"), "one of hit_rate"),
        (("--steps", "5;20"), "comma-separated"),
        (("--steps", "50,20"), "shares that rise"),
        (("--guard", "p99_ms"), "NAME=BOUND"),
        (("--guard", "p99=150"), "p99_ms (99th percentile"),
        (("--guard", "p99_ms=nan"), "NAME=BOUND"),
        (("--lake-folder", "/nowhere"), "No such option"),
    ],
)
def test_what_cannot_be_a_rule_is_refused(scene: Scene, options: tuple[str, ...], part: str) -> None:
    answer = nextitem("canary", B, *options)
    assert answer.code == 2
    assert part in answer.err
    assert not scene.bucket.keys("experiments/")


def test_steps_are_percents() -> None:
    assert steps_of("5,20,50", None) == (0.05, 0.2, 0.5)
    assert steps_of("5,20,50", 20) == (0.2, 0.5)
    assert steps_of("5,20,50", 1) == (0.01, 0.05, 0.2, 0.5)
    with pytest.raises(InputError, match="in percent"):
        steps_of("", None)


def test_a_look_needs_a_lake(scene: Scene, tmp_path: Path) -> None:
    assert "is no lake" in nextitem("experiment", "look", "--lake-folder", tmp_path).fault
    assert "not a folder" in nextitem("experiment", "look", "--metric-logs", tmp_path / "nothing").fault
    assert scene.shares == {A: 1.0}


@pytest.mark.slow
def test_a_version_is_tried_in_the_shadow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN two published versions, one of them live, and a lake of the last hours
    bucket = MemoryBucket()
    monkeypatch.setattr(BucketOptions, "store", lambda _self: bucket)
    (champion,), (challenger,) = ((ROOT / "devstack" / name).glob("v*") for name in ("demo_earlier", "demo"))
    publisher = Publisher(bucket)
    assert "no live version" in nextitem("shadow", publisher.publish(challenger)).fault
    publisher.promote(publisher.publish(champion), tmp_path)
    model = Model(open_artifact(champion))
    items = [model.vocabulary.item_id(index) for index in range(9)]
    now = time.time_ns() // 1_000_000
    records = [
        record(f"s{name}", now - 7_200_000 + 1_000 * number, number, item_id=items[(name + number) % 9])
        for name in range(12)
        for number in range(3)
    ]
    write_lake(tmp_path, records)
    # WHEN sessions of a day are replayed
    arguments = ("shadow", challenger.name, "--lake-folder", tmp_path)
    table = done(*arguments).out
    document = done(*arguments, "--sessions", "5", "--json").document
    # THEN both are shown beside each other, with their difference
    assert "24 next items of 12 sessions" in table
    assert [name in table for name in (champion.name, challenger.name, "difference")] == [True] * 3
    assert (document["sessions"], document["targets"]) == (5, 10)
    # AND as the route would serve them: seen items are left out where it or the deployment says so
    again = [record("again", now - 7_200_000 + 1_000 * number, 90 + number, item_id=items[0]) for number in range(3)]
    write_lake(tmp_path, [*records[:3], *again])
    assert (
        done(*arguments, "--exclude-seen", "--json").document["targets"]
        < done(*arguments, "--json").document["targets"]
    )
    assert document["quality"].keys() == {champion.name, challenger.name}
    assert "nothing to compare" in nextitem("shadow", champion.name, "--lake-folder", tmp_path).fault
