"""A training writes a whole run, or nothing."""

from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]  # it ships no types

from model_export.data.sessions import Sessions
from model_export.training.config import FitConfig
from model_export.training.run_folder import HELD_OUT, MEMORY, METRICS, RUN, WEIGHTS, RunRecord, read_run
from model_export.training.run_training import POPULAR, train
from nextitem.errors import InputError
from nextitem.model.manifest import VOCABULARY
from tests.model_export.handmade import handmade
from tests.model_export.tiny import RecordingWatcher, cycle, listed

QUICK = FitConfig(
    epochs=3, networks=1, neighbour_rows=0.0, hidden=16, batch=8, learning_rate=0.01, validation_days=1, seed=11
)


@dataclass(frozen=True)
class Trained:
    folder: Path
    record: RunRecord
    sessions: Sessions


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("runs") / "run"
    sessions = cycle()
    return Trained(folder, train(sessions, QUICK, folder, RecordingWatcher()), sessions)


@pytest.mark.slow
def test_the_run_has_weights_and_held_out_sessions(trained: Trained) -> None:
    run = read_run(trained.folder)
    assert run.record == trained.record
    assert run.item_ids == trained.sessions.catalogue
    assert {name: values.shape for name, values in run.weights.items()} == {
        "table": (8, 16),
        "gru.weight_ih_l0": (48, 16),
        "gru.weight_hh_l0": (48, 16),
        "gru.bias_ih_l0": (48,),
        "gru.bias_hh_l0": (48,),
    }
    last_day = [trained.sessions.session(index).tolist() for index in range(40, 48)]
    assert [session.items.tolist() for session in run.held_out] == last_day


def test_the_record_names_data_settings_and_metrics(trained: Trained) -> None:
    record, training, sessions = trained.record, trained.record.training, trained.sessions
    assert training.data_sha256 == sessions.digest
    assert (training.sessions, training.events) == (48, 240)
    assert (training.first, training.last) == (sessions.times[0], sessions.times[-1])
    assert training.seed == QUICK.seed
    assert training.hyperparameters == replace(QUICK, loss="softmax").values()
    assert (record.items, record.hidden, record.layers, record.normalised) == (8, 16, 1, True)
    assert record.libraries == {"torch": version("torch")}
    assert len(record.curves[0].epochs) <= QUICK.epochs
    best = record.curves[0].epochs[training.epochs - 1]
    assert (record.validation["network-hr@20"], record.validation["network-mrr@20"]) == best[1:]
    assert record.validation["mrr@20"] >= record.validation["network-mrr@20"]
    assert best[1] + 2 * best[2] == max(hr + 2 * mrr for _, hr, mrr in record.curves[0].epochs)


def test_tensorboard_reads_the_metrics(trained: Trained) -> None:
    log = EventAccumulator(str(trained.folder / METRICS)).Reload()
    validated = [f"validate/{name}" for name in ("hr@20", "loss", "mrr@20")]
    assert sorted(log.Tags()["scalars"]) == ["blend/hr@20", "blend/mrr@20", "refit/loss", *validated]
    for place, name in enumerate(("loss", "hr@20", "mrr@20")):
        points = log.Scalars(f"validate/{name}")
        assert [point.step for point in points] == list(range(1, len(trained.record.curves[0].epochs) + 1))
        assert [point.value for point in points] == pytest.approx(
            [epoch[place] for epoch in trained.record.curves[0].epochs]
        )
    assert [point.step for point in log.Scalars("refit/loss")] == list(range(1, trained.record.training.epochs + 1))


@pytest.mark.slow
def test_the_seed_decides_the_files(trained: Trained, tmp_path: Path) -> None:
    train(trained.sessions, QUICK, tmp_path / "same", RecordingWatcher())
    train(trained.sessions, replace(QUICK, seed=12), tmp_path / "other", RecordingWatcher())
    for name in (RUN, WEIGHTS, HELD_OUT, MEMORY, VOCABULARY):
        assert (tmp_path / "same" / name).read_bytes() == (trained.folder / name).read_bytes()
    assert (tmp_path / "other" / WEIGHTS).read_bytes() != (trained.folder / WEIGHTS).read_bytes()


def test_popular_items_are_the_most_frequent(tmp_path: Path) -> None:
    sessions = handmade(*["b c b a", "c b a", "b a c b"] * 4, "d b", "b a b", "c b a", start=0)
    record = train(sessions, replace(QUICK, epochs=1), tmp_path / "run", RecordingWatcher())
    counts = {"b": 24, "a": 14, "c": 13, "d": 1}
    assert [sessions.catalogue[item.index] for item in record.popular] == list(counts)
    shares = [item.share for item in record.popular]
    assert shares == pytest.approx([count / 52 for count in counts.values()], abs=1e-7)


def test_the_number_of_popular_items_is_limited(tmp_path: Path) -> None:
    sessions = cycle(items=POPULAR + 10, sessions=POPULAR + 10)
    config = replace(QUICK, epochs=1, batch=64, memory_sessions=0)
    record = train(sessions, config, tmp_path / "run", RecordingWatcher())
    assert len(record.popular) == POPULAR < record.items


class Interrupting(RecordingWatcher):
    """Simulates Ctrl-C at the first batch of an epoch."""

    def __init__(self, at: tuple[str, int]) -> None:
        super().__init__()
        self._at = at

    def batch(self, stage: str, epoch: int, done: int, total: int) -> None:
        if (stage, epoch) == self._at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("at", [("validate", 2), ("refit", 1)])
def test_an_interrupted_training_leaves_nothing(tmp_path: Path, at: tuple[str, int]) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(cycle(), QUICK, tmp_path / "run", Interrupting(at))
    assert listed(tmp_path) == []


def test_a_failed_training_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        train(handmade("a b"), QUICK, tmp_path / "run", RecordingWatcher())
    assert listed(tmp_path) == []


def test_a_run_is_never_overwritten(trained: Trained) -> None:
    before = (trained.folder / RUN).read_bytes()
    with pytest.raises(InputError, match="exists already"):
        train(trained.sessions, replace(QUICK, seed=12), trained.folder, RecordingWatcher())
    assert (trained.folder / RUN).read_bytes() == before
