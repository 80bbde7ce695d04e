"""A search on disk: trials until the time is up, to be gone on with from the same folder.

Folder: ``study.db`` (Optuna's trials, SQLite), ``best.json`` (the best settings so far, for `train --config`).
Each trial learns from the earlier sessions and is judged by the validation days, as `fit` begins; none is refitted,
and none has a session memory: that is fitted beside whatever network there is.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import optuna
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from model_export.data.sessions import Sessions
from model_export.metrics.ranking import Accuracy
from model_export.training.config import FitConfig
from model_export.training.config_file import write_config
from model_export.training.fit import Epoch, settled, validate
from model_export.training.tuning.space import drawn, searched
from nextitem.errors import InputError

DATABASE, BEST = "study.db", "best.json"
STUDY = "nextitem"
UNPRUNED_TRIALS = 3
"""Trials before any is pruned: a median of fewer says nothing."""
UNPRUNED_EPOCHS = 1
"""Epochs that each trial gets."""
SEEDS = 2**32
"""How many seeds numpy's legacy generator, which Optuna draws by, takes."""
ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True)
class Tried:
    """One trial: its settings, and its best epoch on the validation days."""

    number: int
    state: TrialState
    config: FitConfig
    epochs: int
    hr: float
    mrr: float
    seconds: float

    @property
    def value(self) -> float:
        """What trials are ranked by."""
        return Accuracy(self.hr, self.mrr).objective


class Listener(Protocol):
    """Hears how the search goes."""

    def tick(self, trial: int, passed: float) -> None:
        """Hear, after each batch, which trial runs and how many seconds have passed."""

    def trial(self, tried: Tried) -> None:
        """Hear what a trial came to."""

    def failed(self, trial: int, why: str) -> None:
        """Hear that a trial came to nothing."""


class _TimeIsUp(Exception):
    """The trial that runs ends with it."""


def tune(
    sessions: Sessions, base: FitConfig, out: Path, *, seconds: float, trials: int | None, listener: Listener
) -> list[Tried]:
    """Search for settings; a search that is in the folder goes on.

    Args:
        sessions: the training data; its last days, `base.validation_days`, judge.
        base: the first trial's settings, and those that are not searched.
        out: the search's folder.
        seconds: when the time is up, the trial that runs is given up.
        trials: most trials of this call, None for as many as the time allows.
        listener: told of progress.

    Returns:
        All trials of the folder that ended, best first; those that ran to their end come before pruned ones.

    Raises:
        InputError: the folder holds a search of other data or settings, or no trial has ended in it.
    """
    base = settled(base, sessions)
    with _opened(sessions, base, out) as study:
        clock = _Clock(seconds, listener)

        def objective(trial: optuna.Trial) -> float:
            try:
                settings = replace(drawn(trial, base), memory_sessions=0)  # the memory is fitted to any network
                found = validate(sessions, settings, _Reported(trial, clock))
                return found.history[found.epochs - 1].value
            except InputError as error:
                listener.failed(trial.number, str(error))
                raise

        def ended(_study: optuna.Study, trial: FrozenTrial) -> None:
            if trial.state in ENDED:
                listener.trial(_tried(trial, base))
            if (best := _all(study, base)) and best[0].state is TrialState.COMPLETE:
                write_config(out / BEST, best[0].config)

        with suppress(_TimeIsUp):
            # settings under which the weights grow beyond all bounds fail by themselves; the search goes on
            study.optimize(objective, n_trials=trials, timeout=seconds, catch=(InputError,), callbacks=[ended])
        found = _all(study, base)
    if not found or found[0].state is not TrialState.COMPLETE:
        raise InputError(f"no trial ran to its end; {out} keeps what there is, go on with more time")
    return found


class _Clock:
    """What is left of the time, and who is told."""

    def __init__(self, seconds: float, listener: Listener) -> None:
        self._began, self._seconds, self._listener = time.monotonic(), seconds, listener

    def tick(self, trial: int) -> None:
        passed = time.monotonic() - self._began
        self._listener.tick(trial, passed)
        if passed > self._seconds:
            raise _TimeIsUp


class _Reported:
    """A watcher that reports epochs to Optuna, and ends a trial that is worse than the others were."""

    def __init__(self, trial: optuna.Trial, clock: _Clock) -> None:
        self._trial, self._clock = trial, clock
        self._best: Epoch | None = None

    def batch(self, stage: str, epoch: int, done: int, total: int) -> None:  # noqa: ARG002  # a watcher's
        self._clock.tick(self._trial.number)

    def blend(self, accuracy: Accuracy) -> None:
        """No trial has a memory."""

    def epoch(self, stage: str, epoch: Epoch) -> None:  # noqa: ARG002  # a watcher's
        if self._best is None or epoch.value > self._best.value:
            self._best = epoch
            for name, value in (("epochs", epoch.number), ("hr", epoch.hr), ("mrr", epoch.mrr)):
                self._trial.set_user_attr(name, value)
        self._trial.report(epoch.value, epoch.number)
        if self._trial.should_prune():
            raise optuna.TrialPruned


@contextmanager
def _opened(sessions: Sessions, base: FitConfig, out: Path) -> Iterator[optuna.Study]:
    try:
        out.mkdir(parents=True, exist_ok=True)
        storage = optuna.storages.RDBStorage(f"sqlite:///{out / DATABASE}")
    except (OSError, SQLAlchemyError) as error:
        raise InputError(f"{out} cannot hold a search: {str(error).splitlines()[0]}") from error
    try:
        study = optuna.create_study(
            storage=storage,
            study_name=STUDY,
            direction="maximize",
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(UNPRUNED_TRIALS, UNPRUNED_EPOCHS),
        )
        # a seed for each call: with one for all, a search that goes on would draw what it has drawn
        study.sampler = optuna.samplers.TPESampler(seed=(base.seed + len(study.trials)) % SEEDS)
        _check_same(study, sessions, base, out)
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            study.tell(trial.number, state=TrialState.FAIL)  # whoever ran it was killed
        if not study.get_trials(deepcopy=False, states=(*ENDED, TrialState.WAITING)):
            study.enqueue_trial(searched(base))
        yield study
    finally:
        storage.engine.dispose()


def _check_same(study: optuna.Study, sessions: Sessions, base: FitConfig, out: Path) -> None:
    """Trials of other data, or of other settings that are not searched, cannot be held against each other."""
    for name, value, what in (
        ("data_sha256", sessions.digest, "other events"),
        ("settings", base.values(), "other settings"),
    ):
        known = study.user_attrs.get(name)
        if known is None:
            study.set_user_attr(name, value)
        elif known != value:
            raise InputError(f"{out} holds a search with {what}; name another folder")


def _all(study: optuna.Study, base: FitConfig) -> list[Tried]:
    """Trials that ended, best first; a pruned one was not better than others were at the same epoch."""
    found = [_tried(trial, base) for trial in study.get_trials(deepcopy=False, states=ENDED)]
    return sorted(found, key=lambda one: (one.state is not TrialState.COMPLETE, -one.value, one.number))


def _tried(trial: FrozenTrial, base: FitConfig) -> Tried:
    kept = trial.user_attrs
    seconds = trial.duration.total_seconds() if trial.duration is not None else 0.0
    return Tried(
        trial.number, trial.state, replace(base, **trial.params), kept["epochs"], kept["hr"], kept["mrr"], seconds
    )
