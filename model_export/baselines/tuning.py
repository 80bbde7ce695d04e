"""Settings of the baselines, chosen on validation days that are cut from train; test is never seen here.

One setting after another is varied while the others stay, in the grid's order, and the best value is kept: some dozens
of trials in place of thousands. What is best is the mean of HR@20 and MRR@20, so that neither kind of baseline is
judged by the other's strength.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from model_export.baselines.registry import METHODS, Config, Ground, Method
from model_export.baselines.scoring import Scorer, sparse_rank, without
from model_export.data.sessions import Sessions
from model_export.data.split import Split, split_by_time, split_latest
from model_export.metrics.ranking import Accuracy, accuracy
from nextitem.errors import InputError

VALIDATION_DAYS = 2
MOST_SESSIONS = 600
"""Validation sessions that are judged; of more, a seeded sample."""
MOST_TARGETS = 4000
"""Next items in them: of long sessions fewer do, or the dozens of trials would take an hour."""
_SEED = 20

Progress = Callable[[int, int], None]
"""Told how many settings are chosen, and of how many."""


@dataclass(frozen=True)
class Tuned:
    """Settings by published name, and how they were found.

    Attributes:
        settings: each form's settings; None for a baseline that has none.
        validation: HR@20 and MRR@20 of these settings on the validation sessions; empty where there are none.
        by: what they were chosen by, in words.
        targets: next items that were to be found.
    """

    settings: Mapping[str, Config]
    validation: Mapping[str, Accuracy]
    by: str
    targets: int

    def as_json(self) -> dict[str, Any]:
        """Return it as its JSON document."""
        return {
            "by": self.by,
            "targets": self.targets,
            "settings": {name: asdict(config) if config is not None else {} for name, config in self.settings.items()},
            "validation": {name: {"hr@20": hr, "mrr@20": mrr} for name, (hr, mrr) in self.validation.items()},
        }


def untuned(because: str) -> Tuned:
    """Return every baseline's default settings."""
    return Tuned({name: method.default for method in METHODS for name in method.forms}, {}, because, 0)


def tune(train: Sessions, progress: Progress) -> Tuned:
    """Choose settings for every baseline.

    Args:
        train: the training sessions.
        progress: told of each setting that is chosen.
    """
    try:
        split = validation_split(train)
    except InputError as error:
        return untuned(f"defaults: no sessions can be set apart for validation: {error}")
    judged = split.test.recoded(split.train.catalogue)
    if len(judged) == 0:
        return untuned("defaults: the validation sessions leave nothing to predict")
    judged = _some(judged, split.train)
    trials = _Trials(Ground(split.train), judged, progress)
    settings: dict[str, Config] = {}
    validation: dict[str, Accuracy] = {}
    for method in METHODS:
        for name in method.forms:
            settings[name], validation[name] = trials.best(method, name)
    targets = len(judged.codes) - len(judged)
    by = f"mean of HR@20 and MRR@20 on {len(judged)} of train's sessions: {split.by}"
    return Tuned(settings, validation, by, targets)


def _some(judged: Sessions, train: Sessions) -> Sessions:
    """Return sessions that keep both limits: all of them, or a seeded sample of at least one."""
    targets = judged.lengths - 1
    if len(judged) <= MOST_SESSIONS and targets.sum() <= MOST_TARGETS:
        return judged
    rng = np.random.default_rng(_SEED)
    chosen = rng.choice(len(judged), min(len(judged), MOST_SESSIONS), replace=False)
    within = np.cumsum(targets[chosen]) <= MOST_TARGETS
    within[0] = True
    # `subset` keeps only the items that occur, so its sessions are named by the train part's catalogue again.
    return judged.subset(np.sort(chosen[within])).recoded(train.catalogue)


def validation_split(train: Sessions) -> Split:
    """Cut the last days from train, or its last sessions where there are no more days than that.

    Raises:
        InputError: a side would be empty.
    """
    try:
        return split_by_time(train, VALIDATION_DAYS)
    except InputError:
        return split_latest(train, f"all start on {VALIDATION_DAYS} days or fewer")


class _Trials:
    """Judges settings, each once: what one form tried, the other knows."""

    def __init__(self, ground: Ground, judged: Sessions, progress: Progress) -> None:
        self._ground, self._judged, self._progress = ground, judged, progress
        self._known: dict[tuple[str, Config], dict[str, Accuracy]] = {}
        self._done = 0
        self._steps = sum(len(method.forms) * max(1, len(method.grid)) for method in METHODS)

    def best(self, method: Method, name: str) -> tuple[Config, Accuracy]:
        """Return the best settings of a form, and what they reached."""
        best = method.default
        for setting, values in method.grid.items():
            tried = [best, *(replace(best, **{setting: value}) for value in values)]
            best = max(dict.fromkeys(tried), key=lambda config: sum(self._judge(method, config)[name]))
            self._step()
        if not method.grid:
            self._step()
        return best, self._judge(method, best)[name]

    def _step(self) -> None:
        self._done += 1
        self._progress(self._done, self._steps)

    def _judge(self, method: Method, config: Config) -> dict[str, Accuracy]:
        key = (next(iter(method.forms)), config)
        if key not in self._known:
            self._known[key] = judge(method.make(self._ground, config), self._judged, method.forms)
        return self._known[key]


def judge(scorer: Scorer, sessions: Sessions, forms: Mapping[str, bool]) -> dict[str, Accuracy]:
    """Return HR@20 and MRR@20 of a scorer's forms, by name.

    Args:
        scorer: scores once for all forms.
        sessions: over the scorer's catalogue.
        forms: see `Method.forms`.
    """
    ranks: dict[str, list[float]] = {name: [] for name in forms}
    for index in range(len(sessions)):
        session = sessions.session(index)
        for at in range(1, len(session)):
            scored = scorer.scored(session[:at])
            for name, current in forms.items():
                found = scored if current else without(scored, int(session[at - 1]))
                ranks[name].append(sparse_rank(found, int(session[at]), scorer.items))
    return {name: accuracy(np.array(found)) for name, found in ranks.items()}
