"""The ranking of a model with an approximate scheme, with items left out."""

import numpy as np
import pytest

from model_export.export.export import export
from model_export.progress import Unwatched
from nextitem.catalogue.served_items import ServedItems
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.service.serving import RoutedModel
from nextitem.service.steering.pool import EVERYTHING, Pool
from nextitem.service.steering.ranker import SessionRanker
from tests.model_export.tiny import LOOSE, random_run

ITEMS, HIDDEN = 4000, 128
DEEP, PAGE = 200, 20

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("artifacts")
    run = random_run(ITEMS, HIDDEN)
    return Model(open_artifact(export(run, folder, LOOSE, Unwatched(), scheme="truncated-64")))


@pytest.mark.parametrize("is_masked", [False, True])
def test_without_the_best_items_an_answer_is_the_rest_of_a_longer_one(model: Model, is_masked: bool) -> None:
    routed = RoutedModel(model, ServedItems(model.vocabulary, HIDDEN), "main", False)
    pool = Pool(left_out=np.arange(ITEMS) % 2 == 0) if is_masked else EVERYTHING
    for seed in range(5):
        # GIVEN a session
        session = np.random.default_rng(seed).integers(0, ITEMS, 3).tolist()
        ranker = SessionRanker(routed, model.replay(None, session), session)
        for start in range(0, DEEP, PAGE):
            # WHEN its best items are left out, as by the next page of an answer
            longer = ranker.best(pool, (), start + PAGE)
            shown = [item.index for item in longer[:start]]
            # THEN the others are the same, although the scheme looks at few candidates
            assert ranker.best(pool, shown, PAGE) == longer[start:]
