"""Recall settings are fitted to the shop."""

import numpy as np
import pytest

from model_export.data.sessions import Sessions
from model_export.memory import MemoryConfig, build_index
from model_export.memory.fit_recall import MIN_GAIN, fit_recall, recall_objective
from model_export.memory.recall import Memory
from tests.model_export.handmade import handmade


def walks(sessions: int, seed: int) -> Sessions:
    """Sessions that walk round a circle of 120 items: only the newest event predicts the next item."""
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, 120, sessions)
    return handmade(*(" ".join(f"{(start + step) % 120:03}" for step in range(30)) for start in starts))


@pytest.mark.slow
def test_a_shop_in_which_only_the_newest_event_matters() -> None:
    # GIVEN walks, and later ones
    sessions, start = walks(300, 1), MemoryConfig()
    later, others = (walks(20, seed).recoded(sessions.catalogue) for seed in (2, 3))
    index = build_index(sessions, start)
    # WHEN recall is fitted to the later ones
    fitted = fit_recall(index, start, later)
    # THEN older events weigh less, which is better on other walks too
    assert fitted.event_decay > start.event_decay
    gain = recall_objective(Memory(index, fitted), others) - recall_objective(Memory(index, start), others)
    assert gain > MIN_GAIN


def test_settings_stay_without_evidence() -> None:
    sessions, start = handmade("a b", "c d"), MemoryConfig()
    assert fit_recall(build_index(sessions, start), start, handmade("a d", "b c")) == start


def test_repeats_do_not_count() -> None:
    sessions, config = handmade("a b", "a b"), MemoryConfig()
    memory = Memory(build_index(sessions, config), config)
    assert recall_objective(memory, handmade("a a", "b b")) == 0.0
    assert recall_objective(memory, handmade("a a b")) == 3.0
