"""Fit the recall settings of a memory on sessions that its index does not hold.

Shops differ in how far back in a session events matter, and in whether their order does. Each setting in turn takes
the value that recalls best, if it is better by `MIN_GAIN`. Targets that repeat the newest event's item do not count:
the blend weights those.
"""

from collections.abc import Callable
from itertools import count

import numpy as np
from msgspec.structs import replace

from model_export.data.sessions import Sessions
from model_export.memory.config import MemoryConfig
from model_export.memory.index import MemoryIndex
from model_export.memory.recall import Memory
from model_export.metrics.ranking import accuracy, rank_in_list

OnSession = Callable[[int], None]

GRID: dict[str, tuple[float, ...]] = {
    "event_decay": (0.1, 0.2, 0.5, 1.0),
    "after": (0.05, 0.2, 0.5),
    "before": (0.05, 0.1, 0.3, 1.0),
    "rarity": (1.0, 2.0),
    "sharpness": (1.0, 1.5, 2.5),
    "neighbours": (50, 100, 250),
}
TRIALS = 1 + sum(map(len, GRID.values()))
"""Maximum trials: the start, and each value of the grid."""
MIN_GAIN = 0.002
"""Minimum gain of HR@20 + 2 MRR@20 for a new value; less is chance."""


def fit_recall(
    index: MemoryIndex, config: MemoryConfig, sessions: Sessions, on_session: OnSession = lambda _done: None
) -> MemoryConfig:
    """Return the settings that recall the next items of sessions best.

    Args:
        index: built with `config`, from earlier sessions.
        config: the settings to start from.
        sessions: over the index's catalogue.
        on_session: called with the number of sessions that are done, in all trials together (`TRIALS` at most).
    """
    trials = count()

    def objective(trial: MemoryConfig) -> float:
        before = next(trials) * len(sessions)
        return recall_objective(Memory(index, trial), sessions, lambda done: on_session(before + done))

    best, best_value = config, objective(config)
    for name, values in GRID.items():
        start = getattr(best, name)
        for value in values:
            if value == start:
                continue
            trial = replace(best, **{name: type(start)(value)})
            trial_value = objective(trial)
            if trial_value > best_value + MIN_GAIN:
                best, best_value = trial, trial_value
    return best


def recall_objective(memory: Memory, sessions: Sessions, on_session: OnSession = lambda _done: None) -> float:
    """Return HR@20 + 2 MRR@20 of the votes, over the targets that do not repeat the newest event's item."""
    ranks = []
    for number in range(len(sessions)):
        on_session(number)
        session = sessions.session(number)
        for at in range(len(session) - 1):
            target = session[at + 1]
            if target == session[at]:
                continue
            items, votes = memory.votes(session[: at + 1])
            votes[items == session[at]] = 0.0
            ranks.append(rank_in_list(items, votes, target))
    return accuracy(np.array(ranks)).objective if ranks else 0.0
