"""Requests to a model with a session memory."""

import pytest

from nextitem.model.engine import Model
from nextitem.service import ranking
from nextitem.service.router import Routed
from nextitem.service.schema import Wanted
from nextitem.telemetry.record import RequestRecord
from tests.model_export.memory.memory_runs import with_memory
from tests.model_export.tiny import model_of


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return model_of(with_memory(), tmp_path_factory.mktemp("out"))


def names(model: Model, items: list[int]) -> list[str]:
    return [model.vocabulary.item_id(item) for item in items]


def test_the_memory_gets_the_known_items_in_their_order(model: Model) -> None:
    items = [*names(model, [3, 11]), "not in the catalogue", *names(model, [40])]
    served_by, ranked = ranking.from_items(Routed(model, "main"), items, Wanted(limit=9), RequestRecord())
    assert served_by == "stateless"
    assert ranked == model.top(model.replay(None, [3, 11, 40]), (), 9, [3, 11, 40])
    assert ranked != model.top(model.replay(None, [3, 11, 40]), (), 9)


def test_excluded_and_unavailable_items_are_not_recalled(model: Model) -> None:
    # GIVEN the answer to some items
    routed = Routed(model, "main")
    items = names(model, [3, 11, 40])
    _, whole = ranking.from_items(routed, items, Wanted(limit=12), RequestRecord())
    best = [item.index for item in whole]
    # WHEN its first item is excluded, and its second one unavailable
    model.set_unavailable(names(model, [best[1]]))
    _, left = ranking.from_items(routed, items, Wanted(limit=10, exclude=names(model, best[:1])), RequestRecord())
    model.set_unavailable([])
    # THEN the others move up
    assert left == whole[2:]


def test_a_list_of_candidates_has_the_order_of_the_catalogue(model: Model) -> None:
    routed = Routed(model, "main")
    items, candidates = names(model, [3, 11, 40]), [50, 3, 7, 21]
    _, whole = ranking.from_items(routed, items, Wanted(limit=60), RequestRecord())
    _, ranked = ranking.from_items(routed, items, Wanted(limit=9, only=names(model, candidates)), RequestRecord())
    assert [item.index for item in ranked] == [item.index for item in whole if item.index in candidates]
