"""Tune the settings of the baselines on the last days of train.

Coordinate search: one setting after another takes each value of its grid while the others stay, and the best value is
kept. That is some dozens of trials instead of thousands. The objective is the mean of HR@20 and MRR@20, because some
baselines are stronger on one metric and some on the other.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from model_export.baselines.all_baselines import METHODS, Config, Method, TrainingData
from model_export.baselines.scoring import Scorer, sparse_rank
from model_export.data.sessions import Sessions
from model_export.data.split import Split, split_by_time, split_latest
from model_export.metrics.ranking import Accuracy, accuracy
from nextitem.errors import InputError

VALIDATION_DAYS = 2
MAX_SESSIONS = 600
"""Validation sessions; a seeded sample if there are more."""
MAX_TARGETS = 4000
"""Targets in them; of long sessions fewer are sampled, because dozens of trials would take an hour."""
_SEED = 20

TUNED_SETTINGS = sum(len(method.forms) * max(1, len(method.grid)) for method in METHODS)
"""Settings that are tuned, of all forms together."""

Progress = Callable[[int, int], None]
"""Called with the number of tuned settings, and their total."""


@dataclass(frozen=True)
class Tuned:
    """The settings of each form of each baseline, by published name.

    Attributes:
        settings: by name; None for a baseline without settings.
        validation: HR@20 and MRR@20 of these settings on the validation sessions; empty without any.
        by: how the settings were chosen, in words.
        targets: number of targets in the validation sessions.
    """

    settings: Mapping[str, Config]
    validation: Mapping[str, Accuracy]
    by: str
    targets: int

    def as_json(self) -> dict[str, Any]:
        """Return this part of the report's JSON document."""
        return {
            "by": self.by,
            "targets": self.targets,
            "settings": {name: asdict(config) if config is not None else {} for name, config in self.settings.items()},
            "validation": {name: {"hr@20": hr, "mrr@20": mrr} for name, (hr, mrr) in self.validation.items()},
        }


def default_settings(reason: str) -> Tuned:
    """Return every baseline's default settings, and the reason for them as `Tuned.by`."""
    return Tuned({name: method.default for method in METHODS for name in method.forms}, {}, reason, 0)


def tune(train: Sessions, progress: Progress) -> Tuned:
    """Tune the settings of every baseline; where train is too small, return the defaults.

    Args:
        train: the training sessions.
        progress: called after each tuned setting.
    """
    try:
        split = validation_split(train)
    except InputError as error:
        return default_settings(f"defaults: no sessions can be set apart for validation: {error}")
    validation = split.test.recoded(split.train.catalogue)
    if len(validation) == 0:
        return default_settings("defaults: the validation sessions leave nothing to predict")
    validation = _sample(validation, split.train)
    trials = _Trials(TrainingData(split.train), validation, progress)
    best = {name: trials.best(method, name) for method in METHODS for name in method.forms}
    return Tuned(
        settings={name: config for name, (config, _) in best.items()},
        validation={name: reached for name, (_, reached) in best.items()},
        by=f"mean of HR@20 and MRR@20 on {len(validation)} of train's sessions: {split.by}",
        targets=len(validation.codes) - len(validation),
    )


def _sample(validation: Sessions, train: Sessions) -> Sessions:
    """Return all sessions if they keep both limits, otherwise a seeded sample of at least one."""
    targets = validation.lengths - 1
    if len(validation) <= MAX_SESSIONS and targets.sum() <= MAX_TARGETS:
        return validation
    rng = np.random.default_rng(_SEED)
    drawn = rng.choice(len(validation), min(len(validation), MAX_SESSIONS), replace=False)
    kept = np.cumsum(targets[drawn]) <= MAX_TARGETS
    kept[0] = True
    # `subset` shrinks the catalogue to the items that occur; the scorers need that of train.
    return validation.subset(np.sort(drawn[kept])).recoded(train.catalogue)


def validation_split(train: Sessions) -> Split:
    """Split off the last days of train, or its last sessions if it has no more days.

    Raises:
        InputError: a side would be empty.
    """
    try:
        return split_by_time(train, VALIDATION_DAYS)
    except InputError:
        return split_latest(train, f"all start on {VALIDATION_DAYS} days or fewer")


class _Trials:
    """Evaluates each setting once, for all forms of its method."""

    def __init__(self, data: TrainingData, validation: Sessions, progress: Progress) -> None:
        self._data, self._validation, self._progress = data, validation, progress
        self._results: dict[tuple[str, Config], dict[str, Accuracy]] = {}
        self._done = 0

    def best(self, method: Method, name: str) -> tuple[Config, Accuracy]:
        """Return the best settings of a form, and their accuracy."""
        best = method.default
        for setting, values in method.grid.items():
            trials = [best, *(replace(best, **{setting: value}) for value in values)]
            best = max(dict.fromkeys(trials), key=lambda config: sum(self._result(method, config)[name]))
            self._count()
        if not method.grid:
            self._count()
        return best, self._result(method, best)[name]

    def _count(self) -> None:
        self._done += 1
        self._progress(self._done, TUNED_SETTINGS)

    def _result(self, method: Method, config: Config) -> dict[str, Accuracy]:
        key = (next(iter(method.forms)), config)
        if key not in self._results:
            self._results[key] = accuracy_by_form(method.fit(self._data, config), self._validation, method.forms)
        return self._results[key]


def accuracy_by_form(scorer: Scorer, sessions: Sessions, forms: Mapping[str, bool]) -> dict[str, Accuracy]:
    """Return HR@20 and MRR@20 of each form of a scorer, by name.

    Args:
        scorer: scores each prefix once for all forms.
        sessions: over the scorer's catalogue.
        forms: see `Method.forms`.
    """
    ranks: dict[str, list[float]] = {name: [] for name in forms}
    for index in range(len(sessions)):
        session = sessions.session(index)
        for step in range(1, len(session)):
            scores = scorer.score(session[:step])
            for name, current_item in forms.items():
                allowed = scores if current_item else scores.without(session[step - 1 : step])
                ranks[name].append(sparse_rank(allowed, int(session[step]), scorer.items))
    return {name: accuracy(np.array(values)) for name, values in ranks.items()}
