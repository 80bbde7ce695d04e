"""Search settings for a limited time. A later search in the same folder continues it.

Folder: ``study.db`` (Optuna's trials, SQLite), ``best.json`` (the best settings so far, for `train --config`).
Each trial trains one network on the earlier sessions and is measured on the validation days, as in
`fit.validate_networks`. No trial has a session memory: a memory can be fitted to any network.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import optuna
from alembic.util.exc import CommandError as AlembicError
from optuna.exceptions import OptunaError
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from model_export.data.sessions import Sessions
from model_export.metrics.ranking import Accuracy
from model_export.tracking.reason import reason_of
from model_export.training.config import FitConfig
from model_export.training.config_file import write_config
from model_export.training.defaults import complete_config
from model_export.training.fit import Epoch, validate_networks
from model_export.training.tuning.space import draw_config, searched_values
from nextitem.errors import InputError, PathUnusable

DATABASE, BEST = "study.db", "best.json"
STUDY = "nextitem"
UNPRUNED_TRIALS = 3
"""Trials that are never pruned: the median of fewer means nothing."""
UNPRUNED_EPOCHS = 1
"""Epochs of a trial before it may be pruned."""
LEFT_OPEN = ("networks", "epochs", "loss")
"""Settings that `train` chooses by the time, if the search was not told them: its network may be a wider one."""
SEEDS = 2**32
"""Number of seeds of numpy's legacy generator, which Optuna uses."""
DATABASE_ERRORS = (SQLAlchemyError, AlembicError, OptunaError)
"""Errors of the study's database, whenever it is used."""
ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True)
class TrialResult:
    """One trial: its settings, and its best epoch on the validation days."""

    number: int
    state: TrialState
    config: FitConfig
    epochs: int
    hr: float
    mrr: float
    seconds: float

    @property
    def objective(self) -> float:
        """The value by which trials are ranked."""
        return Accuracy(self.hr, self.mrr).objective


class Listener(Protocol):
    """Follows the progress of a search."""

    def tick(self, trial: int, elapsed: float) -> None:
        """Receive, after each batch, the number of the current trial and the seconds since the start."""

    def trial(self, result: TrialResult) -> None:
        """Receive the result of a trial."""

    def failed(self, trial: int, why: str) -> None:
        """Receive the reason why a trial failed."""


class _TimeIsUp(Exception):
    """Ends the current trial."""


def tune(
    sessions: Sessions, base: FitConfig, out: Path, *, seconds: float, trials: int | None, listener: Listener
) -> list[TrialResult]:
    """Search for settings, or continue the search in a folder.

    Args:
        sessions: the training data; each trial is measured on its last `base.validation_days`.
        base: the settings of the first trial, and the values that are not searched.
        out: folder of the search.
        seconds: time limit; the current trial ends without a result.
        trials: maximum trials of this call; None for no limit.
        listener: follows the progress.

    Returns:
        All trials of the folder that ended, best first, completed ones before pruned ones.

    Raises:
        InputError: the folder holds a search with other data or settings, or no trial has completed.
    """
    left_open = {name: getattr(base, name) for name in LEFT_OPEN}
    base = complete_config(base, sessions)
    with _open_study(sessions, base, out) as study:
        clock = _Clock(seconds, listener)

        def objective(trial: optuna.Trial) -> float:
            try:
                config = replace(draw_config(trial, base), networks=1, memory_sessions=0)
                validated = validate_networks(sessions, config, _TrialWatcher(trial, clock))
                return validated.networks[0].best.objective
            except InputError as error:
                listener.failed(trial.number, str(error))
                raise

        def ended(_study: optuna.Study, trial: FrozenTrial) -> None:
            if trial.state in ENDED:
                listener.trial(_result(trial, base))
            if (results := _results(study, base)) and results[0].state is TrialState.COMPLETE:
                write_config(out / BEST, replace(results[0].config, **left_open))

        with suppress(_TimeIsUp):
            # A trial fails if its settings let the weights overflow; the search continues.
            study.optimize(objective, n_trials=trials, timeout=seconds, catch=(InputError,), callbacks=[ended])
        results = _results(study, base)
    if not results or results[0].state is not TrialState.COMPLETE:
        raise InputError(f"no trial has completed; {out} keeps the search, run it again with more time")
    return results


class _Clock:
    """Ends the current trial at the time limit."""

    def __init__(self, seconds: float, listener: Listener) -> None:
        self._began, self._seconds, self._listener = time.monotonic(), seconds, listener

    def tick(self, trial: int) -> None:
        elapsed = time.monotonic() - self._began
        self._listener.tick(trial, elapsed)
        if elapsed > self._seconds:
            raise _TimeIsUp


class _TrialWatcher:
    """Reports epochs to Optuna, and ends a trial that is worse than the earlier ones were."""

    def __init__(self, trial: optuna.Trial, clock: _Clock) -> None:
        self._trial, self._clock = trial, clock
        self._best: Epoch | None = None

    def batch(self, stage: str, epoch: int, done: int, total: int) -> None:  # noqa: ARG002  # part of `Watcher`
        self._clock.tick(self._trial.number)

    def plan(self, phases: object) -> None:
        """The time limit is the plan."""

    def step(self, phase: str, done: int) -> None:
        """No trial has a phase besides the training."""

    def blend(self, accuracy: Accuracy) -> None:
        """No trial has a memory."""

    def epoch(self, stage: str, epoch: Epoch) -> None:  # noqa: ARG002  # part of `Watcher`
        if self._best is None or epoch.objective > self._best.objective:
            self._best = epoch
            for name, value in (("epochs", epoch.number), ("hr", epoch.hr), ("mrr", epoch.mrr)):
                self._trial.set_user_attr(name, value)
        self._trial.report(epoch.objective, epoch.number)
        if self._trial.should_prune():
            raise optuna.TrialPruned


@contextmanager
def _open_study(sessions: Sessions, base: FitConfig, out: Path) -> Iterator[optuna.Study]:
    try:
        out.mkdir(parents=True, exist_ok=True)
        with _open_storage(out) as storage:
            yield _continued(storage, sessions, base, out)
    except OSError as error:
        raise PathUnusable(out, "written", error) from error
    except DATABASE_ERRORS as error:
        raise InputError(
            f"{out / DATABASE} cannot be used: {reason_of(error)}; if it is damaged, remove it or name another folder"
        ) from error


@contextmanager
def _open_storage(out: Path) -> Iterator[optuna.storages.RDBStorage]:
    try:
        storage = optuna.storages.RDBStorage(f"sqlite:///{out / DATABASE}")
    except RuntimeError as error:  # the tables are of another version of Optuna, or of another program
        raise SQLAlchemyError(str(error)) from error
    try:
        yield storage
    finally:
        storage.engine.dispose()


def _continued(storage: optuna.storages.RDBStorage, sessions: Sessions, base: FitConfig, out: Path) -> optuna.Study:
    """Return the study of a folder, ready for the next trials."""
    study = optuna.create_study(
        storage=storage,
        study_name=STUDY,
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(UNPRUNED_TRIALS, UNPRUNED_EPOCHS),
    )
    # Another seed for each call: with the same, a continued search would draw the same values again.
    study.sampler = optuna.samplers.TPESampler(seed=(base.seed + len(study.trials)) % SEEDS)
    _check_same(study, sessions, base, out)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)  # its process was killed
    if not study.get_trials(deepcopy=False, states=(*ENDED, TrialState.WAITING)):
        study.enqueue_trial(searched_values(base))
    return study


def _check_same(study: optuna.Study, sessions: Sessions, base: FitConfig, out: Path) -> None:
    """Check that the trials of a study are comparable: same data, same values of all settings that are not searched."""
    for name, value, difference in (
        ("data_sha256", sessions.digest, "other events"),
        ("settings", base.values(), "other settings"),
    ):
        known = study.user_attrs.get(name)
        if known is None:
            study.set_user_attr(name, value)
        elif known != value:
            raise InputError(f"{out} holds a search with {difference}; name another folder")


def _results(study: optuna.Study, base: FitConfig) -> list[TrialResult]:
    """Return the trials that ended, best first, completed ones before pruned ones."""
    results = [_result(trial, base) for trial in study.get_trials(deepcopy=False, states=ENDED)]
    return sorted(
        results, key=lambda result: (result.state is not TrialState.COMPLETE, -result.objective, result.number)
    )


def _result(trial: FrozenTrial, base: FitConfig) -> TrialResult:
    attributes = trial.user_attrs
    return TrialResult(
        number=trial.number,
        state=trial.state,
        config=replace(base, **trial.params),
        epochs=attributes["epochs"],
        hr=attributes["hr"],
        mrr=attributes["mrr"],
        seconds=trial.duration.total_seconds() if trial.duration is not None else 0.0,
    )
