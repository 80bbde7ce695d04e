"""An export gives a certified artifact that is named by its content, or leaves nothing."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec
import numpy as np
import pytest

from model_export.data.session_events import SessionEvents
from model_export.export.choose_scheme import BoundsMissed
from model_export.export.export import GOLDENS, export
from model_export.progress import Phase, Unwatched
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


@pytest.mark.slow
def test_the_model_answers_the_certificate(artifact: Artifact) -> None:
    certificate = artifact.certificate()
    Model(artifact).check(certificate)
    assert certificate.considered == artifact.manifest.quantization.considered != ()
    assert len(certificate.sessions) == GOLDENS
    first = certificate.sessions[0]
    assert first.items == tuple(RUN.item_ids[code] for code in RUN.held_out[0].items)
    assert len(first.top) == len(first.scores) == 20
    assert list(first.scores) == sorted(first.scores, reverse=True)


def test_the_folder_has_the_version_and_its_files(artifact: Artifact) -> None:
    assert listed(artifact.folder.parent) == sorted(
        [artifact.version, *(f"{artifact.version}/{name}" for name in (*FILES, CARD, MANIFEST))]
    )
    assert artifact.version == version_of((artifact.folder / MANIFEST).read_bytes())
    assert artifact.folder.stat().st_mode & 0o055 == 0o055


def test_the_manifest_describes_run_and_loss(artifact: Artifact) -> None:
    manifest = artifact.manifest
    assert manifest.training == RUN.record.training
    assert manifest.evaluation == RUN.record.validation
    assert manifest.popular == RUN.record.popular
    assert (manifest.model.items, manifest.model.hidden, manifest.model.layers) == (300, 48, 1)
    assert manifest.libraries == {
        "torch": "2.0",
        **{name: version(name) for name in ("nextitem", "numpy", "onnx", "onnxruntime")},
    }
    measured = manifest.quantization
    assert (measured.scheme, measured.bits, measured.pinned) == ("8-bit", 8, False)
    assert measured.targets == sum(len(session) - 1 for session in RUN.held_out[:34])  # the others calibrate
    assert 0.9 < measured.overlap <= 1.0
    assert abs(measured.hr_delta) < 0.05
    assert 0.0 < measured.parity <= 1e-4
    assert 0.0 <= measured.stepwise <= 1e-4
    assert measured.bounds == LOOSE


def test_the_vocabulary_has_the_items_of_the_run(artifact: Artifact) -> None:
    vocabulary = Vocabulary(artifact.path("vocabulary.bin"))
    assert [vocabulary.item_id(code) for code in range(len(vocabulary))] == list(RUN.item_ids)


@pytest.mark.slow
def test_the_same_run_gives_the_same_artifact(artifact: Artifact, tmp_path: Path) -> None:
    again = exported(RUN, tmp_path)
    in_place = exported(RUN, artifact.folder.parent)
    assert again.name == artifact.version
    assert in_place == artifact.folder
    for name in (*FILES, CARD, MANIFEST):
        assert (again / name).read_bytes() == (artifact.folder / name).read_bytes()


@pytest.mark.slow
def test_another_weight_gives_another_version(artifact: Artifact, tmp_path: Path) -> None:
    table = RUN.weights["table"].copy()
    table[7, 3] += 0.5
    run = msgspec.structs.replace(RUN, weights={**RUN.weights, "table": table})
    assert exported(run, tmp_path).name != artifact.version


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        (
            Bounds(overlap=1.01, hr_delta=1.0),
            r"fp32: top-20 overlap with fp32 is 1, allowed is 1\.01.*8-bit: .*; relax --min.*",
        ),
        (
            Bounds(overlap=0.0, hr_delta=-1.5),
            r"HR@20 delta is \S+, allowed is 1\.5; relax --min-overlap or --max-hr-loss",
        ),
        (Bounds(overlap=0.0, hr_delta=1.0, parity=1e-12), r"torch and ONNX is \S+, allowed is 1e-12"),
        (Bounds(overlap=0.0, hr_delta=1.0, stepwise=-1.0), r"stepwise against whole replay is \S+, allowed is -1"),
    ],
)
@pytest.mark.slow
def test_a_missed_bound_leaves_nothing(tmp_path: Path, bounds: Bounds, message: str) -> None:
    with pytest.raises(BoundsMissed, match=f"^the export fails its bounds: [^;]*{message}$"):
        exported(RUN, tmp_path, bounds)
    assert listed(tmp_path) == []


@pytest.mark.slow
def test_reports_all_missed_bounds(tmp_path: Path) -> None:
    with pytest.raises(
        BoundsMissed, match=r"fp32: top-20 overlap .* is 1, allowed is 2; the HR@20 delta is 0, .*8-bit:"
    ):
        exported(RUN, tmp_path, Bounds(overlap=2.0, hr_delta=-1.0))


def test_refuses_weights_with_nan(tmp_path: Path) -> None:
    bias = RUN.weights["gru.bias_hh_l0"].copy()
    bias[5] = np.nan
    run = msgspec.structs.replace(RUN, weights={**RUN.weights, "gru.bias_hh_l0": bias})
    with pytest.raises(BoundsMissed, match="the score difference of torch and ONNX is nan"):
        exported(run, tmp_path)
    assert listed(tmp_path) == []


def with_sessions(*lengths: int) -> Run:
    held_out = tuple(SessionEvents.views(np.arange(length, dtype=np.int32)) for length in lengths)
    return msgspec.structs.replace(RUN, held_out=held_out)


@pytest.mark.parametrize("lengths", [(), (1,) * 9, (2,) * 2])
def test_refuses_a_run_with_too_few_held_out_sessions(tmp_path: Path, lengths: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"the run has . held-out sessions .* a certificate needs 3"):
        exported(with_sessions(*lengths), tmp_path)
    assert listed(tmp_path) == []


def test_golden_sessions_have_at_most_the_events_of_a_log(tmp_path: Path) -> None:
    artifact = open_artifact(exported(with_sessions(WINDOW + 9, *[2] * 3), tmp_path))
    assert artifact.certificate().sessions[0].items == RUN.item_ids[9 : WINDOW + 9]


@pytest.mark.slow
def test_refuses_to_keep_a_damaged_artifact(tmp_path: Path) -> None:
    home = exported(RUN, tmp_path)
    (home / WEIGHTS).write_bytes(b"damaged")
    with pytest.raises(ArtifactCorrupt, match=WEIGHTS):
        exported(RUN, tmp_path)


def test_refuses_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file/out cannot be written"):
        exported(RUN, tmp_path / "file" / "out")


class Recording(Unwatched):
    """Records the phases, and may end the export in one of them."""

    def __init__(self, end: str = "") -> None:
        self._end = end
        self.planned: dict[str, int] = {}
        self.reached: dict[str, int] = {}

    def begin(self, text: str) -> None:
        self.step(text, 0)

    def plan(self, phases: Sequence[Phase]) -> None:
        self.planned = {phase.name: phase.units for phase in phases}

    def step(self, phase: str, done: int) -> None:
        self.reached[phase] = done
        if phase == self._end and done == self.planned.get(phase, 0):
            raise KeyboardInterrupt


@pytest.mark.slow
def test_an_interrupted_export_leaves_nothing(tmp_path: Path) -> None:
    recording = Recording()
    export(RUN, tmp_path / "whole", LOOSE, recording)
    # Phases that go through sessions are interrupted at the last one.
    assert len(recording.reached) > 1
    for phase in recording.reached:
        with pytest.raises(KeyboardInterrupt):
            export(RUN, tmp_path / "out", LOOSE, Recording(phase))
        assert listed(tmp_path / "out") == []


@pytest.mark.slow
def test_every_session_is_in_the_plan(tmp_path: Path) -> None:
    recording = Recording()
    export(RUN, tmp_path / "out", LOOSE, recording)
    assert "measuring fp32" in recording.planned
    assert {name: recording.reached[name] for name in recording.planned} == recording.planned


@pytest.mark.parametrize("items", [1, 2, 19, 20, 21])
def test_a_tiny_catalogue_works(tmp_path: Path, items: int) -> None:
    run = random_run(items=items)
    model = Model(open_artifact(exported(run, tmp_path, Bounds(hr_delta=1.0))))
    ranked = model.top(model.replay(None, [0]), (), 200)
    assert sorted(item.index for item in ranked) == list(range(items))
    assert model.manifest.quantization.overlap >= 0.95


@pytest.mark.parametrize(("temperature", "exports"), [(0.01, True), (1e-4, False)])
def test_a_temperature_too_small_for_float32_is_refused(tmp_path: Path, temperature: float, exports: bool) -> None:
    run = random_run(items=30, temperature=temperature)
    if exports:
        assert model_of(run, tmp_path).manifest.quantization.parity <= 1e-4
    else:
        with pytest.raises(BoundsMissed, match="the score difference of torch and ONNX"):
            exported(run, tmp_path)
