"""A model version with a session memory, from the run to the engine."""

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest

from model_export.data.session_events import SessionEvents
from model_export.evaluation.engine_ranker import EngineRanker
from model_export.evaluation.explain import explain
from model_export.memory import Blend
from model_export.metrics.ranking import ranks_of_targets
from model_export.training.run_folder import MEMORY, read_run, write_run
from model_export.training.torch_reference import torch_scores
from nextitem.errors import ArtifactCorrupt, InputError
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from tests.model_export.memory.memory_runs import BLEND, with_memory
from tests.model_export.tiny import exported, model_of, random_run

ITEMS = 60


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return model_of(with_memory(), tmp_path_factory.mktemp("out"))


def test_a_run_folder_keeps_the_memory(tmp_path: Path) -> None:
    run = with_memory()
    write_run(tmp_path, run)
    read = read_run(tmp_path)
    assert run.memory is not None
    assert read.memory is not None
    assert read.memory.blend == run.memory.blend
    assert read.memory.memory.config == run.memory.memory.config
    for name, values in run.memory.memory.index.arrays().items():
        np.testing.assert_array_equal(read.memory.memory.index.arrays()[name], values)


def test_a_run_folder_with_a_missing_or_wrong_memory_is_an_error(tmp_path: Path) -> None:
    run = with_memory()
    write_run(tmp_path, run)
    (tmp_path / MEMORY).rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=f"it has no {MEMORY}"):
        read_run(tmp_path)
    other = msgspec.structs.replace(random_run(7), record=run.record)
    write_run(tmp_path, msgspec.structs.replace(other, memory=run.memory))
    with pytest.raises(InputError, match="belong to different catalogues"):
        read_run(tmp_path)


def test_the_engine_scores_like_torch_and_numpy(model: Model) -> None:
    session = [3, 11, 3, 40]
    (expected,) = torch_scores(with_memory(), [SessionEvents.views(np.array(session, np.int32))])
    ranked = model.top(model.replay(None, session), (), ITEMS, session)
    scores = {item.index: item.score for item in ranked}
    assert scores.keys() == set(range(ITEMS))
    assert max(abs(scores[item] - expected[item]) for item in range(ITEMS)) < 0.2
    # A list of candidates gets the same scores
    candidates = model.rank(model.replay(None, session), [5, 9, 40], [9], 3, session)
    assert {item.index for item in candidates} == {5, 40}
    assert all(math.isclose(item.score, scores[item.index], abs_tol=1e-3) for item in candidates)


def test_the_manifest_describes_the_memory(model: Model) -> None:
    memory = model.manifest.memory
    assert memory is not None
    assert memory.sessions > 80
    assert msgspec.convert(memory.blend, Blend) == BLEND
    assert model.has_memory


def test_a_model_without_memory_ignores_the_session(tmp_path: Path) -> None:
    model = model_of(random_run(), tmp_path)
    hidden = model.replay(None, [1, 2])
    assert not model.has_memory
    assert model.manifest.memory is None
    assert model.top(hidden, (), 9, [1, 2]) == model.top(hidden, (), 9)


def test_the_certificate_covers_the_memory(tmp_path: Path) -> None:
    certificate = open_artifact(exported(with_memory(), tmp_path)).certificate()
    without = model_of(msgspec.structs.replace(with_memory(), memory=None), tmp_path / "without")
    with pytest.raises(ArtifactCorrupt):
        without.check(certificate)


def test_ranks_are_those_of_the_blended_scores(model: Model) -> None:
    session = np.array([3, 11, 3, 40, 8], np.int32)
    ranks = EngineRanker(model).rank(session).with_seen.ranks
    for at in range(1, len(session)):
        past = session[:at].tolist()
        scores = np.zeros(ITEMS)
        for item in model.top(model.replay(None, past), (), ITEMS, past):
            scores[item.index] = item.score
        assert abs(ranks[at - 1] - ranks_of_targets(scores, int(session[at]))) <= 1


def test_explanations_are_of_the_blended_scores(model: Model) -> None:
    session = [3, 11, 3, 40]
    best = model.top(model.replay(None, session), (), 3, session)
    explanations = explain(model, session, 3)
    assert [(explanation.item, explanation.score) for explanation in explanations] == [
        (item.index, item.score) for item in best
    ]
