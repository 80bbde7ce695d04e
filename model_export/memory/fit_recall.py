"""Fits how a memory recalls to a shop, on sessions that its index does not hold. Knows no network.

Shops differ in how far back a session tells anything, and in whether the order within a session means something. Each
setting in turn is set to what recalls best, if that is clearly better. The votes alone are judged, without those for
the newest event's item, whose weight is learned with the blend.
"""

import numpy as np
from msgspec.structs import replace

from model_export.data.sessions import Sessions
from model_export.memory.config import MemoryConfig
from model_export.memory.index import MemoryIndex
from model_export.memory.recall import Memory
from model_export.metrics.ranking import accuracy, rank_in_list

CHOICES: dict[str, tuple[float, ...]] = {
    "event_decay": (0.1, 0.2, 0.5, 1.0),
    "after": (0.05, 0.2, 0.5),
    "before": (0.05, 0.1, 0.3, 1.0),
    "rarity": (1.0, 2.0),
    "sharpness": (1.0, 1.5, 2.5),
    "neighbours": (50, 100, 250),
}
CLEARLY = 0.002
"""How much better HR@20 + 2 MRR@20 must be: less is chance."""


def fit_recall(index: MemoryIndex, config: MemoryConfig, sessions: Sessions) -> MemoryConfig:
    """Return the settings that recall the next items of sessions best.

    Args:
        index: built with the settings, of sessions that are all earlier.
        config: where to start.
        sessions: what to find, over the index's catalogue.
    """
    best, found = config, recall_value(Memory(index, config), sessions)
    for name, choices in CHOICES.items():
        start = getattr(best, name)
        for choice in choices:
            if choice == start:
                continue
            near = replace(best, **{name: type(start)(choice)})
            value = recall_value(Memory(index, near), sessions)
            if value > found + CLEARLY:
                best, found = near, value
    return best


def recall_value(memory: Memory, sessions: Sessions) -> float:
    """Return HR@20 + 2 MRR@20 of the votes, over the next items that are not the newest event's own."""
    ranks = []
    for number in range(len(sessions)):
        session = sessions.session(number)
        for at in range(len(session) - 1):
            target = session[at + 1]
            if target == session[at]:
                continue
            items, votes = memory.votes(session[: at + 1])
            votes[items == session[at]] = 0.0
            ranks.append(rank_in_list(items, votes, target))
    return accuracy(np.array(ranks)).objective if ranks else 0.0
