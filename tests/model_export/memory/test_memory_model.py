"""A version with a session memory, from run to engine: certified, ranked, judged, and as it serves."""

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest

from model_export.evaluation.engine_ranker import EngineRanker
from model_export.evaluation.explain import explain
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


def test_a_run_with_a_memory_comes_back_as_it_went(tmp_path: Path) -> None:
    # GIVEN a run with a memory
    run = with_memory()
    # WHEN it is written and read
    write_run(tmp_path, run)
    found = read_run(tmp_path)
    # THEN it recalls and blends as before
    assert run.memory is not None
    assert found.memory is not None
    assert found.memory.blend == run.memory.blend
    assert found.memory.memory.config == run.memory.memory.config
    for name, values in run.memory.memory.index.arrays().items():
        np.testing.assert_array_equal(found.memory.memory.index.arrays()[name], values)


def test_a_memory_that_is_missing_or_another_is_told(tmp_path: Path) -> None:
    # GIVEN a run whose memory has gone, and one whose memory is of another catalogue
    run = with_memory()
    write_run(tmp_path, run)
    (tmp_path / MEMORY).rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=f"it has no {MEMORY}"):
        read_run(tmp_path)
    other = msgspec.structs.replace(random_run(7), record=run.record)
    write_run(tmp_path, msgspec.structs.replace(other, memory=run.memory))
    with pytest.raises(InputError, match="of different catalogues"):
        read_run(tmp_path)


def test_the_engine_answers_as_torch_and_numpy_do(model: Model) -> None:
    # GIVEN a session
    session = [3, 11, 3, 40]
    (expected,) = torch_scores(with_memory(), [np.array(session, np.int32)])
    # WHEN the engine ranks the catalogue
    ranked = model.top(model.replay(None, session), (), ITEMS, session)
    # THEN its scores are those of the float reference, but for what the scheme rounds
    scores = {one.index: one.score for one in ranked}
    assert scores.keys() == set(range(ITEMS))
    assert max(abs(scores[item] - expected[item]) for item in range(ITEMS)) < 0.2
    # AND a list is ranked by the same scores
    listed = model.rank(model.replay(None, session), [5, 9, 40], [9], 3, session)
    assert {one.index for one in listed} == {5, 40}
    assert all(math.isclose(one.score, scores[one.index], abs_tol=1e-3) for one in listed)


def test_the_manifest_tells_of_the_memory(model: Model) -> None:
    # GIVEN a version with a memory
    memory = model.manifest.memory
    # THEN its manifest tells how large it is and how much it counts
    assert memory is not None
    assert memory.sessions > 80
    for name, value in msgspec.structs.asdict(BLEND).items():
        assert getattr(memory, name) == value
    assert model.has_memory


def test_a_network_alone_is_as_before(tmp_path: Path) -> None:
    # GIVEN a version without a memory
    model = model_of(random_run(), tmp_path)
    hidden = model.replay(None, [1, 2])
    # WHEN it is told the session
    # THEN that changes nothing
    assert not model.has_memory
    assert model.manifest.memory is None
    assert model.top(hidden, (), 9, [1, 2]) == model.top(hidden, (), 9)


def test_the_certificate_covers_the_memory(tmp_path: Path) -> None:
    # GIVEN the certificate of a version with a memory
    home = exported(with_memory(), tmp_path)
    certificate = open_artifact(home).certificate()
    # WHEN a version of the same network without it answers
    alone = model_of(msgspec.structs.replace(with_memory(), memory=None), tmp_path / "alone")
    # THEN it is refused
    with pytest.raises(ArtifactCorrupt):
        alone.check(certificate)


def test_ranks_are_of_the_blend(model: Model) -> None:
    # GIVEN a session
    session = np.array([3, 11, 3, 40, 8], np.int32)
    # WHEN it is ranked as it serves, one event at a time
    ranks, _ = EngineRanker(model).ranks(session)
    # THEN each rank is that of the blended scores, the session so far being asked by
    for at in range(1, len(session)):
        so_far = session[:at].tolist()
        scores = np.zeros(ITEMS)
        for one in model.top(model.replay(None, so_far), (), ITEMS, so_far):
            scores[one.index] = one.score
        assert abs(ranks[at - 1] - ranks_of_targets(scores, int(session[at]))) <= 1


def test_an_explanation_is_of_the_blend(model: Model) -> None:
    # GIVEN a session
    session = [3, 11, 3, 40]
    # WHEN its best recommendations are explained
    found = explain(model, session, 3)
    # THEN they are those that the session is answered
    best = model.top(model.replay(None, session), (), 3, session)
    assert [(one.item, one.score) for one in found] == [(one.index, one.score) for one in best]
