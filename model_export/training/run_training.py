"""The story of a training run: sessions in, a run's folder out. Knows torch only through `training`."""

from collections.abc import Sequence
from contextlib import closing
from importlib.metadata import version as library_version
from pathlib import Path

import numpy as np

from model_export.data.atomic_file import new_folder
from model_export.data.sessions import Sessions
from model_export.metrics.ranking import Accuracy
from model_export.training.config import FitConfig
from model_export.training.distributed import joined
from model_export.training.fit import Epoch, Fitted, Watcher, fit
from model_export.training.run_folder import MemoryRecord, Run, RunRecord, write_run
from model_export.training.trackers import TensorBoard, Tracker
from nextitem.model.manifest import PopularItem, Training

POPULAR = 1000
"""Most frequent items that go into the manifest: what is served to a visitor of whom nothing is known."""


def train(
    sessions: Sessions, config: FitConfig, out: Path, watcher: Watcher, trackers: Sequence[Tracker] = ()
) -> RunRecord:
    """Train on sessions and keep the run; where torchrun started several processes, the first of them keeps it.

    Args:
        sessions: the training data.
        config: how to train.
        out: the run's folder, which must not exist yet.
        watcher: told of progress, in the process that keeps the run.
        trackers: told of figures, there too, besides TensorBoard's files in the run.

    Raises:
        InputError: the data cannot be trained on, or the folder cannot be made.
    """
    with joined() as world:
        if not world.leads:
            return _record(sessions, fit(sessions, config, _Silent()))
        with new_folder(out) as folder, closing(TensorBoard(folder)) as files:
            fitted = fit(sessions, config, _Followed(watcher, (files, *trackers)))
            record = _record(sessions, fitted)
            weights = {
                name: np.ascontiguousarray(values.detach().numpy(), np.float32)
                for name, values in fitted.network.state_dict().items()
            }
            held_out = _held_out(sessions, fitted)
            write_run(folder, Run(record, weights, tuple(sessions.catalogue), held_out, fitted.memory))
            for tracker in trackers:
                tracker.done(record)
    return record


class _Followed:
    """A watcher that also tells trackers."""

    def __init__(self, watcher: Watcher, trackers: Sequence[Tracker]) -> None:
        self._watcher, self._trackers = watcher, trackers

    def batch(self, stage: str, epoch: int, done: int, total: int) -> None:
        self._watcher.batch(stage, epoch, done, total)

    def epoch(self, stage: str, epoch: Epoch) -> None:
        for tracker in self._trackers:
            tracker.epoch(stage, epoch)
        self._watcher.epoch(stage, epoch)

    def blend(self, accuracy: Accuracy) -> None:
        for tracker in self._trackers:
            tracker.blend(accuracy)
        self._watcher.blend(accuracy)


class _Silent:
    """The watcher of a process that leaves telling to another."""

    def batch(self, stage: str, epoch: int, done: int, total: int) -> None:
        """Tell nothing."""

    def epoch(self, stage: str, epoch: Epoch) -> None:
        """Tell nothing."""

    def blend(self, accuracy: Accuracy) -> None:
        """Tell nothing."""


def _record(sessions: Sessions, fitted: Fitted) -> RunRecord:
    best = fitted.history[fitted.epochs - 1]
    network = fitted.network.config
    return RunRecord(
        training=Training(
            data_sha256=sessions.digest,
            sessions=len(sessions),
            events=len(sessions.codes),
            first=float(sessions.times.min()),
            last=float(sessions.times.max()),
            seed=fitted.config.seed,
            epochs=fitted.epochs,
            hyperparameters=fitted.config.values(),
        ),
        items=network.items,
        hidden=network.hidden,
        layers=network.layers,
        normalised=network.normalised,
        temperature=network.temperature,
        validation=_validation(best, fitted.blended),
        history=tuple((epoch.loss, epoch.hr, epoch.mrr) for epoch in fitted.history),
        popular=_popular(sessions),
        libraries={"torch": library_version("torch")},
        memory=None if fitted.memory is None else MemoryRecord(fitted.memory.memory.config, fitted.memory.blend),
    )


def _validation(best: Epoch, blended: Accuracy | None) -> dict[str, float]:
    if blended is None:
        return {"hr@20": best.hr, "mrr@20": best.mrr}
    return {"hr@20": blended.hr, "mrr@20": blended.mrr, "network-hr@20": best.hr, "network-mrr@20": best.mrr}


def _popular(sessions: Sessions) -> tuple[PopularItem, ...]:
    counts = np.bincount(sessions.codes, minlength=len(sessions.catalogue))
    best = np.argsort(-counts, kind="stable")[:POPULAR]
    return tuple(PopularItem(int(code), round(float(counts[code] / counts.sum()), 8)) for code in best)


def _held_out(sessions: Sessions, fitted: Fitted) -> tuple["np.ndarray[tuple[int], np.dtype[np.int32]]", ...]:
    held_out = fitted.held_out.recoded(sessions.catalogue)
    return tuple(held_out.session(index) for index in range(len(held_out)))
