"""The story of a training run: what it leaves, and that it leaves nothing where it does not end well."""

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
from tests.model_export.tiny import Told, cycle, listed

QUICK = FitConfig(epochs=3, hidden=16, batch=8, learning_rate=0.01, validation_days=1, seed=11)


@dataclass(frozen=True)
class Trained:
    folder: Path
    record: RunRecord
    sessions: Sessions


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("runs") / "run"
    sessions = cycle()
    return Trained(folder, train(sessions, QUICK, folder, Told()), sessions)


def test_a_run_holds_what_an_export_needs(trained: Trained) -> None:
    # GIVEN a finished training
    # WHEN its folder is read
    run = read_run(trained.folder)
    # THEN there are all weights, over the whole catalogue
    assert run.item_ids == trained.sessions.catalogue
    assert {name: values.shape for name, values in run.weights.items()} == {
        "table": (8, 16),
        "gru.weight_ih_l0": (48, 16),
        "gru.weight_hh_l0": (48, 16),
        "gru.bias_ih_l0": (48,),
        "gru.bias_hh_l0": (48,),
    }
    # AND the sessions of the validation day, as codes of that catalogue
    last_day = [trained.sessions.session(index).tolist() for index in range(40, 48)]
    assert [session.tolist() for session in run.held_out] == last_day
    assert run.record == trained.record


def test_the_record_tells_where_the_weights_come_from(trained: Trained) -> None:
    # GIVEN a finished training
    record, training, sessions = trained.record, trained.record.training, trained.sessions
    # WHEN its record is read
    # THEN it names the data, their period, the seed and every setting
    assert training.data_sha256 == sessions.digest
    assert (training.sessions, training.events) == (48, 240)
    assert (training.first, training.last) == (sessions.times[0], sessions.times[-1])
    assert training.seed == QUICK.seed
    assert training.hyperparameters == replace(QUICK, loss="softmax").values()
    assert training.hyperparameters["loss"] == "softmax"
    assert (record.items, record.hidden, record.layers, record.normalised) == (8, 16, 1, True)
    assert record.libraries == {"torch": version("torch")}
    # AND how it went: the best epoch's figures are the run's
    assert len(record.history) <= QUICK.epochs
    best = record.history[training.epochs - 1]
    assert (record.validation["network-hr@20"], record.validation["network-mrr@20"]) == best[1:]
    assert record.validation["mrr@20"] >= record.validation["network-mrr@20"]
    assert best[1] + 2 * best[2] == max(hr + 2 * mrr for _, hr, mrr in record.history)


def test_the_log_can_be_read_by_tensorboard(trained: Trained) -> None:
    # GIVEN a finished training
    log = EventAccumulator(str(trained.folder / METRICS))
    # WHEN TensorBoard reads its log
    log.Reload()
    # THEN there is a curve for each figure of each stage, a point an epoch, with the record's values
    assert sorted(log.Tags()["scalars"]) == [
        "blend/hr@20",
        "blend/mrr@20",
        "refit/loss",
        "validate/hr@20",
        "validate/loss",
        "validate/mrr@20",
    ]
    for place, name in enumerate(("loss", "hr@20", "mrr@20")):
        points = log.Scalars(f"validate/{name}")
        assert [point.step for point in points] == list(range(1, len(trained.record.history) + 1))
        assert [point.value for point in points] == pytest.approx([epoch[place] for epoch in trained.record.history])
    assert [point.step for point in log.Scalars("refit/loss")] == list(range(1, trained.record.training.epochs + 1))


def test_the_same_seed_gives_the_same_files(trained: Trained, tmp_path: Path) -> None:
    # GIVEN a finished training
    # WHEN it is done again, with the same seed and with another
    train(trained.sessions, QUICK, tmp_path / "same", Told())
    train(trained.sessions, replace(QUICK, seed=12), tmp_path / "other", Told())
    # THEN the same seed leaves the same bytes, the other one other weights
    for name in (RUN, WEIGHTS, HELD_OUT, MEMORY, VOCABULARY):
        assert (tmp_path / "same" / name).read_bytes() == (trained.folder / name).read_bytes()
    assert (tmp_path / "other" / WEIGHTS).read_bytes() != (trained.folder / WEIGHTS).read_bytes()


def test_the_popular_items_are_the_most_frequent(tmp_path: Path) -> None:
    # GIVEN sessions in which b is most frequent, then a, then c, then d
    sessions = handmade(*["b c b a", "c b a", "b a c b"] * 4, "d b", "b a b", "c b a", start=0)
    # WHEN they are trained on
    record = train(sessions, replace(QUICK, epochs=1), tmp_path / "run", Told())
    # THEN that is their order, with their share of the events
    counts = {"b": 24, "a": 14, "c": 13, "d": 1}
    assert [sessions.catalogue[item.index] for item in record.popular] == list(counts)
    shares = [item.share for item in record.popular]
    assert shares == pytest.approx([count / 52 for count in counts.values()], abs=1e-7)


def test_the_popular_items_are_not_the_whole_of_a_large_catalogue(tmp_path: Path) -> None:
    # GIVEN more items than a manifest should list
    sessions = cycle(items=POPULAR + 10, sessions=POPULAR + 10)
    # WHEN they are trained on
    record = train(sessions, replace(QUICK, epochs=1, batch=64), tmp_path / "run", Told())
    # THEN the list ends
    assert len(record.popular) == POPULAR < record.items


class Interrupting(Told):
    """A watcher under whose eyes somebody presses Ctrl-C."""

    def __init__(self, at: tuple[str, int]) -> None:
        super().__init__()
        self._at = at

    def batch(self, stage: str, epoch: int, done: int, total: int) -> None:
        if (stage, epoch) == self._at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("at", [("validate", 1), ("validate", 2), ("refit", 1)])
def test_an_interrupted_training_leaves_nothing(tmp_path: Path, at: tuple[str, int]) -> None:
    # GIVEN a training that is interrupted
    # WHEN it runs
    with pytest.raises(KeyboardInterrupt):
        train(cycle(), QUICK, tmp_path / "run", Interrupting(at))
    # THEN there is no run, no half of one, and no log
    assert listed(tmp_path) == []


def test_a_training_that_cannot_be_leaves_nothing(tmp_path: Path) -> None:
    # GIVEN too little data
    # WHEN it is trained on
    with pytest.raises(InputError):
        train(handmade("a b"), QUICK, tmp_path / "run", Told())
    # THEN nothing is left
    assert listed(tmp_path) == []


def test_a_run_is_never_overwritten(trained: Trained) -> None:
    # GIVEN a finished training
    before = (trained.folder / RUN).read_bytes()
    # WHEN another is to take its name
    with pytest.raises(InputError, match="exists already"):
        train(trained.sessions, replace(QUICK, seed=12), trained.folder, Told())
    # THEN it is still there as it was
    assert (trained.folder / RUN).read_bytes() == before
