"""A model with a session memory, as the service ranks with it."""

import pytest

from nextitem.model.engine import Model, RankedItem
from nextitem.service.ranking import rank, replay_items
from nextitem.service.schema import RankingOptions
from tests.model_export.memory.memory_runs import with_memory
from tests.model_export.tiny import model_of

ITEMS = [3, 11, 40]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return model_of(with_memory(), tmp_path_factory.mktemp("out"))


def names(model: Model, items: list[int]) -> list[str]:
    return [model.vocabulary.item_id(item) for item in items]


def ranked(model: Model, k: int, options: RankingOptions | None = None) -> list[RankedItem]:
    return rank(model, replay_items(model, names(model, ITEMS)), options or RankingOptions(), k).items


def test_the_memory_gets_the_session_s_known_items_in_their_order(model: Model) -> None:
    items = [*names(model, ITEMS[:2]), "not in the catalogue", *names(model, ITEMS[2:])]
    ranking = rank(model, replay_items(model, items), RankingOptions(), 9)
    assert ranking.served_by == "stateless"
    assert ranking.items == model.top(model.replay(None, ITEMS), (), 9, ITEMS)
    assert ranking.items != model.top(model.replay(None, ITEMS), (), 9)


def test_excluded_and_unavailable_items_are_left_out(model: Model) -> None:
    # GIVEN a ranking
    whole = ranked(model, 12)
    best = names(model, [item.index for item in whole[:2]])
    # WHEN its first item is excluded, and its second one unavailable
    model.set_unavailable(best[1:])
    rest = ranked(model, 10, RankingOptions(exclude=best[:1]))
    model.set_unavailable([])
    # THEN the others keep their order
    assert rest == whole[2:]


def test_candidates_are_ranked_by_the_blended_scores(model: Model) -> None:
    candidates = [50, 3, 7, 21]
    listed = ranked(model, 9, RankingOptions(only=names(model, candidates)))
    in_catalogue = [item.index for item in ranked(model, 60)]
    assert [item.index for item in listed] == [index for index in in_catalogue if index in candidates]
