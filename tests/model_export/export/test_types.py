"""Types of events in the exported graphs, the certificate and the engine."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from model_export.data.session_events import SessionEvents
from model_export.evaluation.engine_ranker import EngineRanker
from model_export.evaluation.explain import explain
from model_export.training.torch_reference import torch_scores
from nextitem.errors import ArtifactCorrupt
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from tests.model_export.tiny import exported, random_run

TYPES = ("view", "cart", "purchase")
RUN = random_run(items=60, layers=2, types=TYPES, sessions=9)
SESSION = [7, 7, 30, 2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(RUN, tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return Model(open_artifact(folder))


def test_the_engine_scores_typed_events_like_torch(model: Model) -> None:
    # GIVEN a model of three types, and events of all
    kinds = ["view", "cart", "view", "purchase"]
    codes = model.type_codes(kinds)
    (expected,) = torch_scores(RUN, [SessionEvents(np.array(SESSION, np.int32), np.array(codes, np.int8))])
    # WHEN the engine replays them whole, and event by event
    whole = model.replay(None, SESSION, types=codes)
    stepped = None
    for item, code in zip(SESSION, codes, strict=True):
        stepped = model.replay(stepped, [item], types=[code])
    # THEN its scores are torch's
    for hidden in (whole, stepped):
        assert hidden is not None
        scores = {ranked.index: ranked.score for ranked in model.top(hidden, (), 60)}
        assert np.abs(expected - np.array([scores[item] for item in range(60)])).max() < 0.1
    # AND the types matter
    assert np.abs(whole - model.replay(None, SESSION)).max() > 0.05


def test_an_unknown_type_counts_as_a_view(model: Model) -> None:
    assert (model.manifest.types, model.type_codes(["like", "purchase", "view"])) == (TYPES, [0, 2, 0])
    views = model.replay(None, SESSION)
    assert np.array_equal(model.replay(None, SESSION, types=model.type_codes(["like", "view", "", "VIEW"])), views)


def test_a_model_of_one_type_takes_no_types(tmp_path: Path) -> None:
    model = Model(open_artifact(exported(random_run(items=60), tmp_path)))
    assert (model.manifest.types, model.type_codes(["cart"])) == ((), [0])
    assert np.array_equal(model.replay(None, SESSION, types=[0, 0, 0, 0]), model.replay(None, SESSION))


def test_the_certificate_holds_the_types_of_its_sessions(model: Model) -> None:
    # GIVEN a certificate whose golden sessions have types
    certificate = model.certificate
    assert {kind for golden in certificate.sessions for kind in golden.types} == set(TYPES)
    model.check(certificate)
    # WHEN they are taken out THEN the engine's answers are others than it says
    untyped = tuple(msgspec.structs.replace(golden, types=()) for golden in certificate.sessions)
    with pytest.raises(ArtifactCorrupt):
        model.check(msgspec.structs.replace(certificate, sessions=untyped))


def test_the_evaluation_steps_events_by_their_types(model: Model) -> None:
    # GIVEN sessions whose types have other codes than the model's
    session, kinds = np.array(SESSION, np.int32), np.array([0, 2, 0, 1], np.int8)
    ranker = EngineRanker(model, ("view", "purchase", "cart"))
    # WHEN the engine ranks THEN it is as if they had the model's codes
    hidden = model.replay(None, SESSION[:2], types=[0, 1])
    shown = [ranked.index for ranked in model.top(hidden, (), 20)]
    assert ranker.rank(session, kinds).with_seen.top[1].tolist() == shown
    assert ranker.rank(session).with_seen.top[1].tolist() != shown


def test_an_explanation_keeps_the_types_of_the_other_events(model: Model) -> None:
    # GIVEN a session of several types WHEN its best item is explained
    codes = [0, 1, 2, 0]
    [explanation] = explain(model, SESSION, 1, types=codes)
    # THEN its score is that of the typed session, and the effect of the purchase leaves out the purchase alone
    [best] = model.top(model.replay(None, SESSION, types=codes), (), 1)
    assert (explanation.item, explanation.score) == (best.index, best.score)
    [effect] = [effect for effect in explanation.effects if effect.place == 3]
    scores = [
        model.rank(model.replay(None, items, types=types), [best.index], (), 1)[0].score
        for items, types in ((SESSION, codes), ([7, 7, 2], [0, 1, 0]))
    ]
    assert effect.effect == pytest.approx(scores[0] - scores[1], abs=1e-4)
