"""Train on sessions and write the run's folder."""

from collections.abc import Sequence
from contextlib import closing
from importlib.metadata import version as library_version
from pathlib import Path

import numpy as np

from model_export.data.atomic_file import new_folder
from model_export.data.session_events import SessionEvents
from model_export.data.sessions import Sessions
from model_export.metrics.ranking import Accuracy
from model_export.profile.habits import habits_of, unknown_share
from model_export.training.config import FitConfig
from model_export.training.distributed import join
from model_export.training.fit import Epoch, Fitted, Validated, Watcher, fit
from model_export.training.run_folder import SUMMARY, Curve, MemoryRecord, Run, RunRecord, write_run
from model_export.training.trackers import TensorBoard, Tracker
from nextitem.model.manifest import PopularItem, Training

POPULAR = 1000
"""Number of most frequent items in the manifest: they are served to visitors without events."""


def train(
    sessions: Sessions,
    config: FitConfig,
    out: Path,
    watcher: Watcher,
    trackers: Sequence[Tracker] = (),
    *,
    summary: bytes | None = None,
) -> RunRecord:
    """Train on sessions and write the run. Of several processes that torchrun started, the first one writes it.

    Args:
        sessions: the training data.
        config: the settings.
        out: the run's folder, which must not exist yet.
        watcher: follows the progress in the process that writes the run.
        trackers: record the metrics in that process, besides TensorBoard's files in the run.
        summary: of the events, as JSON, for the run's folder.

    Raises:
        InputError: the data cannot be trained on, or the folder cannot be made.
    """
    with join() as world:
        if not world.leads:
            return _record(sessions, fit(sessions, config, _NoWatcher()))
        with new_folder(out) as folder, closing(TensorBoard(folder)) as files:
            fitted = fit(sessions, config, _TrackedWatcher(watcher, (files, *trackers)))
            record = _record(sessions, fitted)
            weights = {
                name: np.ascontiguousarray(values.detach().numpy(), np.float32)
                for name, values in fitted.network.state_dict().items()
            }
            held_out = fitted.validated.split.test.recoded(sessions.catalogue)
            held_out_events = tuple(
                SessionEvents(held_out.session(index), held_out.session_types(index)) for index in range(len(held_out))
            )
            split = fitted.validated.split
            habits = habits_of(sessions, unknown_share(split.test, split.train.catalogue))
            write_run(folder, Run(record, weights, sessions.catalogue, held_out_events, fitted.memory, habits))
            if summary is not None:
                (folder / SUMMARY).write_bytes(summary)
            for tracker in trackers:
                tracker.done(record)
    return record


class _TrackedWatcher:
    """Passes progress on to a watcher, and metrics to trackers too."""

    def __init__(self, watcher: Watcher, trackers: Sequence[Tracker]) -> None:
        self._watcher, self._trackers = watcher, trackers
        self.plan, self.step = watcher.plan, watcher.step

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


class _NoWatcher:
    """Ignores progress: another process reports it."""

    def plan(self, *_phases: object) -> None:
        """Ignore it."""

    def step(self, *_progress: object) -> None:
        """Ignore it."""

    def batch(self, *_progress: object) -> None:
        """Ignore it."""

    def epoch(self, *_result: object) -> None:
        """Ignore it."""

    def blend(self, *_result: object) -> None:
        """Ignore it."""


def _record(sessions: Sessions, fitted: Fitted) -> RunRecord:
    validated, network = fitted.validated, fitted.network.config
    return RunRecord(
        training=Training(
            data_sha256=sessions.digest,
            sessions=len(sessions),
            events=len(sessions.codes),
            first=float(sessions.times.min()),
            last=float(sessions.times.max()),
            seed=validated.config.seed,
            epochs=validated.epochs,
            hyperparameters=validated.config.values(),
        ),
        items=network.items,
        hidden=network.hidden,
        layers=network.layers,
        normalised=network.normalised,
        temperature=network.temperature,
        validation=_validation(validated),
        curves=tuple(
            Curve(tuple((epoch.loss, epoch.hr, epoch.mrr) for epoch in network.history), network.best.number)
            for network in validated.networks
        ),
        popular=_popular(sessions),
        libraries={"torch": library_version("torch")},
        types=sessions.types if network.types > 1 else (),
        networks=network.networks,
        calibration=validated.ranking.calibration,
        memory=None if fitted.memory is None else MemoryRecord(fitted.memory.memory.config, fitted.memory.blend),
    )


def _validation(validated: Validated) -> dict[str, float]:
    ranking = validated.ranking
    own, both = ranking.accuracy, ranking.blended or ranking.accuracy
    figures = {"hr@20": both.hr, "mrr@20": both.mrr}
    if ranking.blended is not None:
        figures |= {"network-hr@20": own.hr, "network-mrr@20": own.mrr}
    if ranking.calibration is not None and ranking.calibration.error is not None:
        figures["calibration-error@20"] = ranking.calibration.error
    return figures


def _popular(sessions: Sessions) -> tuple[PopularItem, ...]:
    counts = np.bincount(sessions.codes, minlength=len(sessions.catalogue))
    best = np.argsort(-counts, kind="stable")[:POPULAR]
    return tuple(PopularItem(int(code), round(float(counts[code] / counts.sum()), 8)) for code in best)
