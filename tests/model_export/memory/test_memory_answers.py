"""A model with a session memory, as the service ranks with it."""

import pytest

from nextitem.catalogue.served_items import ServedItems
from nextitem.model.engine import RankedItem
from nextitem.service.ranking import rank, replay_items
from nextitem.service.schema import RankingOptions
from nextitem.service.serving import RoutedModel
from nextitem.service.steering.parsed_options import ParsedOptions
from tests.model_export.memory.memory_runs import with_memory
from tests.model_export.tiny import model_of

ITEMS = [3, 11, 40]


@pytest.fixture(scope="module")
def routed(tmp_path_factory: pytest.TempPathFactory) -> RoutedModel:
    model = model_of(with_memory(), tmp_path_factory.mktemp("out"))
    items = ServedItems(model.vocabulary, model.manifest.model.hidden)
    return RoutedModel(model, items, "main", exclude_seen=False)


def names(routed: RoutedModel, items: list[int]) -> list[str]:
    return [routed.items.item_id(item) for item in items]


def ranked(routed: RoutedModel, k: int, options: RankingOptions | None = None) -> list[RankedItem]:
    return rank(routed, replay_items(routed, names(routed, ITEMS)), ParsedOptions(options or RankingOptions()), k).items


def test_the_memory_gets_the_session_s_known_items_in_their_order(routed: RoutedModel) -> None:
    items = [*names(routed, ITEMS[:2]), "not in the catalogue", *names(routed, ITEMS[2:])]
    ranking = rank(routed, replay_items(routed, items), ParsedOptions(RankingOptions()), 9)
    assert ranking.served_by == "stateless"
    model = routed.model
    assert ranking.items == model.top(model.replay(None, ITEMS), (), 9, ITEMS)
    assert ranking.items != model.top(model.replay(None, ITEMS), (), 9)


def test_excluded_and_unavailable_items_are_left_out(routed: RoutedModel) -> None:
    # GIVEN a ranking
    whole = ranked(routed, 12)
    best = names(routed, [item.index for item in whole[:2]])
    # WHEN its first item is excluded, and its second one unavailable
    routed.items.set_unavailable(best[1:])
    rest = ranked(routed, 10, RankingOptions(exclude=best[:1]))
    routed.items.set_unavailable([])
    # THEN the others keep their order
    assert rest == whole[2:]


def test_candidates_are_ranked_by_the_blended_scores(routed: RoutedModel) -> None:
    candidates = [50, 3, 7, 21]
    listed = ranked(routed, 9, RankingOptions(only=names(routed, candidates)))
    in_catalogue = [item.index for item in ranked(routed, 60)]
    assert [item.index for item in listed] == [index for index in in_catalogue if index in candidates]
