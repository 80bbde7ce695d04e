"""From a run to an artifact: certified, named by its content, or not there at all."""

from importlib.metadata import version
from pathlib import Path

import msgspec
import numpy as np
import pytest

from model_export.export.choose_scheme import BoundsMissed
from model_export.export.export import GOLDENS, export
from model_export.training.run_folder import Run
from nextitem.errors import ArtifactCorrupt, InputError
from nextitem.model.artifact import Artifact, open_artifact
from nextitem.model.engine import Model
from nextitem.model.manifest import CARD, FILES, MANIFEST, WEIGHTS, Bounds, version_of
from nextitem.model.vocabulary import Vocabulary
from nextitem.sessions.session import WINDOW
from tests.model_export.tiny import LOOSE, exported, listed, model_of, random_run

RUN = random_run(items=300, hidden=48, sessions=50)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return open_artifact(exported(RUN, tmp_path_factory.mktemp("out")))


def test_an_artifact_answers_its_certificate(artifact: Artifact) -> None:
    # GIVEN an artifact
    certificate = artifact.certificate()
    # WHEN the engine that serves answers all of its golden sessions
    Model(artifact).check(certificate)
    assert certificate.considered == artifact.manifest.quantization.considered != ()
    # THEN it answers as it did at export, and there is something to answer: the first held-out sessions
    assert len(certificate.sessions) == GOLDENS
    first = certificate.sessions[0]
    assert first.items == tuple(RUN.item_ids[code] for code in RUN.held_out[0])
    assert len(first.top) == len(first.scores) == 20
    assert list(first.scores) == sorted(first.scores, reverse=True)


def test_its_folder_is_all_there_is(artifact: Artifact) -> None:
    # GIVEN an artifact
    # WHEN the folder that it was made in is listed
    # THEN there is its own folder, named by the digest of its manifest, and its files
    assert listed(artifact.folder.parent) == sorted(
        [artifact.version, *(f"{artifact.version}/{name}" for name in (*FILES, CARD, MANIFEST))]
    )
    assert artifact.version == version_of((artifact.folder / MANIFEST).read_bytes())
    assert artifact.folder.stat().st_mode & 0o055 == 0o055


def test_the_manifest_tells_the_truth(artifact: Artifact) -> None:
    # GIVEN an artifact
    manifest = artifact.manifest
    # WHEN its manifest is read
    # THEN it passes on what the run says of data, settings, seed and popularity
    assert manifest.training == RUN.record.training
    assert manifest.evaluation == RUN.record.validation
    assert manifest.popular == RUN.record.popular
    assert (manifest.model.items, manifest.model.hidden, manifest.model.layers) == (300, 48, 1)
    # AND with which libraries it was trained and exported
    assert manifest.libraries == {
        "torch": "2.0",
        **{name: version(name) for name in ("nextitem", "numpy", "onnx", "onnxruntime")},
    }
    # AND what was measured, beside what was allowed
    measured = manifest.quantization
    assert (measured.scheme, measured.bits, measured.pinned) == ("8-bit", 8, False)
    assert measured.targets == sum(len(session) - 1 for session in RUN.held_out[:34])  # the others calibrate
    assert 0.9 < measured.overlap <= 1.0
    assert abs(measured.hr_delta) < 0.05
    assert 0.0 < measured.parity <= 1e-4
    assert 0.0 <= measured.stepwise <= 1e-4
    assert measured.bounds == LOOSE


def test_the_vocabulary_is_the_catalogue(artifact: Artifact) -> None:
    # GIVEN an artifact
    vocabulary = Vocabulary(artifact.path("vocabulary.bin"))
    # WHEN its items are named
    # THEN each code has the run's id
    assert [vocabulary.item_id(code) for code in range(len(vocabulary))] == list(RUN.item_ids)


def test_the_same_run_is_the_same_artifact(artifact: Artifact, tmp_path: Path) -> None:
    # GIVEN an artifact
    # WHEN its run is exported elsewhere, and a third time where it already is
    again = exported(RUN, tmp_path)
    in_place = exported(RUN, artifact.folder.parent)
    # THEN version and bytes are the same, and what was there is left
    assert again.name == artifact.version
    assert in_place == artifact.folder
    for name in (*FILES, CARD, MANIFEST):
        assert (again / name).read_bytes() == (artifact.folder / name).read_bytes()


def test_other_weights_are_another_version(artifact: Artifact, tmp_path: Path) -> None:
    # GIVEN a run that differs in one weight
    table = RUN.weights["table"].copy()
    table[7, 3] += 0.5
    run = msgspec.structs.replace(RUN, weights={**RUN.weights, "table": table})
    # WHEN it is exported
    # THEN it has a version of its own
    assert exported(run, tmp_path).name != artifact.version


@pytest.mark.parametrize(
    ("bounds", "what"),
    [
        (Bounds(overlap=1.01, hr_delta=1.0), r"fp32: top-20 overlap with fp32 is 1, allowed is 1\.01.*8-bit: .*"),
        (Bounds(overlap=0.0, hr_delta=-1.5), r"HR@20 delta is \S+, allowed is 1\.5"),
        (Bounds(overlap=0.0, hr_delta=1.0, parity=1e-12), r"torch and ONNX is \S+, allowed is 1e-12"),
        (Bounds(overlap=0.0, hr_delta=1.0, stepwise=-1.0), r"stepwise against whole replay is \S+, allowed is -1"),
    ],
)
def test_a_missed_bound_is_told_and_leaves_nothing(tmp_path: Path, bounds: Bounds, what: str) -> None:
    # GIVEN a bound that cannot be kept
    # WHEN a run is exported
    # THEN the error says what was measured and allowed, and the folder is empty
    with pytest.raises(BoundsMissed, match=f"^the export fails its bounds: [^;]*{what}$"):
        exported(RUN, tmp_path, bounds)
    assert listed(tmp_path) == []


def test_all_missed_bounds_are_told_at_once(tmp_path: Path) -> None:
    # GIVEN two bounds that cannot be kept
    # WHEN a run is exported
    # THEN both are told
    with pytest.raises(
        BoundsMissed, match=r"fp32: top-20 overlap .* is 1, allowed is 2; the HR@20 delta is 0, .*8-bit:"
    ):
        exported(RUN, tmp_path, Bounds(overlap=2.0, hr_delta=-1.0))


def test_weights_that_are_no_numbers_are_no_artifact(tmp_path: Path) -> None:
    # GIVEN a run with a NaN, which no healthy training leaves
    bias = RUN.weights["gru.bias_hh_l0"].copy()
    bias[5] = np.nan
    run = msgspec.structs.replace(RUN, weights={**RUN.weights, "gru.bias_hh_l0": bias})
    # WHEN it is exported
    # THEN no bound lets it pass
    with pytest.raises(BoundsMissed, match="the score difference of torch and ONNX is nan"):
        exported(run, tmp_path)
    assert listed(tmp_path) == []


def with_sessions(*lengths: int) -> Run:
    return msgspec.structs.replace(RUN, held_out=tuple(np.arange(length, dtype=np.int32) for length in lengths))


@pytest.mark.parametrize("lengths", [(), (1, 1)])
def test_a_run_without_held_out_sessions_cannot_be_certified(tmp_path: Path, lengths: tuple[int, ...]) -> None:
    # GIVEN a run without a session of two events
    # WHEN it is exported
    # THEN the error says so
    with pytest.raises(InputError, match="the run has no held-out session of two events, so nothing can be certified"):
        exported(with_sessions(*lengths), tmp_path)
    assert listed(tmp_path) == []


def test_golden_sessions_are_no_longer_than_a_log(tmp_path: Path) -> None:
    # GIVEN a held-out session longer than what a session's log keeps
    # WHEN the run is exported
    artifact = open_artifact(exported(with_sessions(WINDOW + 9), tmp_path))
    # THEN its newest events are the golden session
    [golden] = artifact.certificate().sessions
    assert golden.items == RUN.item_ids[9 : WINDOW + 9]


def test_a_damaged_artifact_in_its_place_is_not_mistaken_for_it(tmp_path: Path) -> None:
    # GIVEN an artifact whose weights were damaged
    home = exported(RUN, tmp_path)
    (home / WEIGHTS).write_bytes(b"damaged")
    # WHEN the run is exported there again
    # THEN that is an error, and not a version that cannot be opened
    with pytest.raises(ArtifactCorrupt, match=WEIGHTS):
        exported(RUN, tmp_path)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    # GIVEN a file where a folder must be
    (tmp_path / "file").write_text("")
    # WHEN a run is to be exported below it
    # THEN one sentence says so
    with pytest.raises(InputError, match="file/out cannot be written"):
        exported(RUN, tmp_path / "file" / "out")


def test_an_interrupted_export_leaves_nothing(tmp_path: Path) -> None:
    # GIVEN somebody who presses Ctrl-C at one of the stages, at the last session of those that go through sessions
    told: list[str] = []
    export(RUN, tmp_path / "whole", LOOSE, told.append)
    stages = {stage.partition(":")[0]: stage for stage in told}
    assert len(stages) > 1

    for stage in stages.values():

        def interrupt(told: str, stage: str = stage) -> None:
            if told == stage:
                raise KeyboardInterrupt

        # WHEN a run is exported
        with pytest.raises(KeyboardInterrupt):
            export(RUN, tmp_path / "out", LOOSE, interrupt)
        # THEN nothing is left of it
        assert listed(tmp_path / "out") == []


@pytest.mark.parametrize("items", [1, 2, 7, 19, 20, 21])
def test_a_catalogue_of_a_handful_works(tmp_path: Path, items: int) -> None:
    # GIVEN a catalogue that is hardly longer than a top list, or shorter
    # WHEN its run is exported with the usual bounds and opened
    run = random_run(items=items)
    model = Model(open_artifact(exported(run, tmp_path, Bounds(hr_delta=1.0))))
    # THEN it ranks all there is, and its golden sessions too
    ranked = model.top(model.replay(None, [0]), (), 200)
    assert sorted(one.index for one in ranked) == list(range(items))
    assert model.manifest.quantization.overlap >= 0.95


@pytest.mark.parametrize(("temperature", "exports"), [(0.01, True), (1.0, True), (1e-4, False)])
def test_a_tiny_temperature_keeps_the_bounds_or_is_refused(tmp_path: Path, temperature: float, exports: bool) -> None:
    # GIVEN cosines divided by little, up to so little that float32 cannot hold the scores to 1e-4
    run = random_run(items=30, temperature=temperature)
    # WHEN the run is exported
    # THEN it is proved like any other, or refused by the figure that fails
    if exports:
        assert model_of(run, tmp_path).manifest.quantization.parity <= 1e-4
    else:
        with pytest.raises(BoundsMissed, match="the score difference of torch and ONNX"):
            exported(run, tmp_path)
