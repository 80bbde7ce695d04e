"""The memory's settings follow the shop."""

import numpy as np

from model_export.data.sessions import Sessions
from model_export.memory import MemoryConfig, build_index
from model_export.memory.fit_recall import CLEARLY, fit_recall, recall_value
from model_export.memory.recall import Memory
from tests.model_export.handmade import handmade


def chains(sessions: int, seed: int) -> Sessions:
    """Sessions that walk a circle of 120 items from somewhere: only the newest event tells what comes next."""
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, 120, sessions)
    return handmade(*(" ".join(f"{(start + step) % 120:03}" for step in range(30)) for start in starts))


def test_settings_follow_the_shop() -> None:
    # GIVEN a shop in which order is everything
    sessions, later, start = chains(300, 1), chains(20, 2), MemoryConfig()
    later = later.recoded(sessions.catalogue)
    index = build_index(sessions, start)
    # WHEN the memory is fitted to it
    found = fit_recall(index, start, later)
    # THEN older events count for less, and that is clearly better on other sessions of the same shop
    assert found.event_decay > start.event_decay
    other = chains(20, 3).recoded(sessions.catalogue)
    assert recall_value(Memory(index, found), other) > recall_value(Memory(index, start), other) + CLEARLY


def test_what_cannot_be_told_stays() -> None:
    # GIVEN sessions of which the memory knows nothing
    sessions, start = handmade("a b", "c d"), MemoryConfig()
    # WHEN it is fitted to them
    found = fit_recall(build_index(sessions, start), start, handmade("a d", "b c"))
    # THEN it stays as it was
    assert found == start


def test_repeats_are_not_counted() -> None:
    # GIVEN a session that only repeats an item, and one that has another one next
    sessions, config = handmade("a b", "a b"), MemoryConfig()
    memory = Memory(build_index(sessions, config), config)
    # WHEN their recall is judged
    # THEN repeats are left to the blend, and b is the first that is recalled after a
    assert recall_value(memory, handmade("a a", "b b")) == 0.0
    assert recall_value(memory, handmade("a a b")) == 3.0
