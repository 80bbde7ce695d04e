"""Training with a session memory: it is learned without looking at what it is judged by, and can be left out."""

from dataclasses import replace

import numpy as np

from model_export.training.config import FitConfig
from model_export.training.fit import fit, validate
from tests.model_export.handmade import handmade
from tests.model_export.tiny import Told, cycle

QUICK = FitConfig(epochs=3, hidden=16, batch=8, learning_rate=0.02, temperature=0.2, validation_days=1)


def test_the_memory_knows_all_sessions_in_the_end() -> None:
    # GIVEN sessions of several days
    sessions, told = cycle(sessions=48), Told()
    # WHEN a network is fitted
    fitted = fit(sessions, QUICK, told)
    # THEN there is a memory of all of them beside it, and what both reach was told
    assert fitted.memory is not None
    assert len(fitted.memory.memory.index.session_weights) == len(sessions) + 1
    assert told.blends == [fitted.blended]


def test_the_blend_is_learned_from_sessions_that_the_memory_does_not_know() -> None:
    # GIVEN sessions whose successors are each shop's own: those that are judged by are as no other
    lists = ["a b"] * 20 + ["c d"] * 20 + ["a c"] * 4
    # WHEN the validation collects what the memory says of the last ones
    found = validate(handmade(*lists, start=0), QUICK, Told())
    # THEN no vote is for what follows only in them: a memory that knew them would vote for c after a
    assert found.targets is not None
    voted = found.targets.votes[np.arange(len(found.targets.place)), found.targets.place]
    assert len(voted) == 4
    assert voted.tolist() == [0.0] * 4


def test_the_newest_sessions_are_kept() -> None:
    # GIVEN a bound on what is remembered
    # WHEN a network is fitted
    fitted = fit(cycle(sessions=48), replace(QUICK, memory_sessions=7), Told())
    # THEN the index holds so many
    assert fitted.memory is not None
    assert len(fitted.memory.memory.index.session_weights) == 7 + 1


def test_the_memory_can_be_asked_by_the_newest_event_alone() -> None:
    # GIVEN a memory of what follows one item
    fitted = fit(cycle(sessions=48), replace(QUICK, memory_events=1), Told())
    assert fitted.memory is not None
    memory = fitted.memory.memory
    # WHEN it is asked THEN older events say nothing
    newest = memory.votes(np.array([3], np.int32))
    older = memory.votes(np.array([0, 5, 3], np.int32))
    assert [one.tolist() for one in older] == [one.tolist() for one in newest]


def test_the_memory_can_be_left_out() -> None:
    # GIVEN a training without a memory
    told = Told()
    # WHEN a network is fitted
    fitted = fit(cycle(sessions=48), replace(QUICK, memory_sessions=0), told)
    # THEN there is none
    assert fitted.memory is None
    assert fitted.blended is None
    assert told.blends == []


def test_a_memory_lifts_what_a_network_has_not_learnt() -> None:
    # GIVEN a network that learns nothing
    sessions = cycle(items=40, sessions=400)
    # WHEN it is validated beside a memory
    found = validate(sessions, replace(QUICK, epochs=1, learning_rate=1e-9), Told())
    # THEN both together find what the memory knows
    assert found.blended is not None
    assert found.blended.mrr > 2 * found.history[0].mrr
