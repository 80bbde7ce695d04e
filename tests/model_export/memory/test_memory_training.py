"""Training with a session memory."""

from dataclasses import replace

import numpy as np
import pytest

from model_export.training.config import FitConfig
from model_export.training.fit import fit, validate
from tests.model_export.handmade import handmade
from tests.model_export.tiny import RecordingWatcher, cycle

QUICK = FitConfig(epochs=3, networks=1, hidden=16, batch=8, learning_rate=0.02, temperature=0.2, validation_days=1)


@pytest.mark.slow
def test_the_final_memory_holds_all_sessions() -> None:
    sessions, watcher = cycle(sessions=48), RecordingWatcher()
    fitted = fit(sessions, QUICK, watcher)
    assert fitted.memory is not None
    assert len(fitted.memory.memory.index.session_weights) == len(sessions) + 1
    assert watcher.blends == [fitted.validated.ranking.blended]


def test_the_blend_is_fitted_on_sessions_that_the_memory_does_not_hold() -> None:
    # GIVEN sessions in which c follows a in the validation days only
    sessions = handmade(*["a b"] * 20, *["c d"] * 20, *["a c"] * 4, start=0)
    # WHEN training validates
    targets = validate(sessions, QUICK, RecordingWatcher()).ranking.targets
    # THEN the memory does not vote for c after a
    assert targets is not None
    votes = targets.votes[np.arange(len(targets.place)), targets.place]
    assert votes.tolist() == [0.0] * 4


def test_a_limit_keeps_the_newest_sessions() -> None:
    fitted = fit(cycle(sessions=48), replace(QUICK, memory_sessions=7), RecordingWatcher())
    assert fitted.memory is not None
    assert len(fitted.memory.memory.index.session_weights) == 7 + 1


@pytest.mark.slow
def test_with_one_memory_event_older_events_do_not_count() -> None:
    fitted = fit(cycle(sessions=48), replace(QUICK, memory_events=1), RecordingWatcher())
    assert fitted.memory is not None
    votes = [fitted.memory.memory.votes(np.array(session, np.int32)) for session in ([3], [0, 5, 3])]
    assert [values.tolist() for values in votes[0]] == [values.tolist() for values in votes[1]]


def test_without_memory_sessions_there_is_no_memory() -> None:
    watcher = RecordingWatcher()
    fitted = fit(cycle(sessions=48), replace(QUICK, memory_sessions=0), watcher)
    assert fitted.memory is None
    assert fitted.validated.ranking.blended is None
    assert watcher.blends == []


@pytest.mark.slow
def test_a_memory_improves_an_untrained_network() -> None:
    sessions = cycle(items=40, sessions=400)
    result = validate(sessions, replace(QUICK, epochs=1, learning_rate=1e-9), RecordingWatcher())
    assert result.ranking.blended is not None
    assert result.ranking.blended.mrr > 2 * result.history[0].mrr
