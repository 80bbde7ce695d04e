"""A version with a memory as requests meet it: asked by the session's known items, whatever else is in the log."""

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


def test_a_request_asks_by_its_items(model: Model) -> None:
    # GIVEN items, an unknown one among them
    routed = Routed(model, "main")
    items = [*names(model, [3, 11]), "not in the catalogue", *names(model, [40])]
    # WHEN they are answered
    served_by, ranked = ranking.from_items(routed, items, Wanted(limit=9), RequestRecord())
    # THEN the memory was asked by those that the catalogue has, in their order
    assert served_by == "stateless"
    assert ranked == model.top(model.replay(None, [3, 11, 40]), (), 9, [3, 11, 40])
    assert ranked != model.top(model.replay(None, [3, 11, 40]), (), 9)


def test_what_is_excluded_or_sold_out_is_not_recalled(model: Model) -> None:
    # GIVEN what a session is answered
    routed = Routed(model, "main")
    items = names(model, [3, 11, 40])
    _, whole = ranking.from_items(routed, items, Wanted(limit=12), RequestRecord())
    best = [one.index for one in whole]
    # WHEN its best item is excluded, and its second one sold out
    model.set_unavailable(names(model, [best[1]]))
    _, left = ranking.from_items(routed, items, Wanted(limit=10, exclude=names(model, best[:1])), RequestRecord())
    model.set_unavailable([])
    # THEN the others move up as they were
    assert left == whole[2:]


def test_a_list_is_ranked_by_the_blend(model: Model) -> None:
    # GIVEN candidates of a caller's own
    routed = Routed(model, "main")
    items, listed = names(model, [3, 11, 40]), [50, 3, 7, 21]
    _, whole = ranking.from_items(routed, items, Wanted(limit=60), RequestRecord())
    # WHEN they are ranked
    _, ranked = ranking.from_items(routed, items, Wanted(limit=9, only=names(model, listed)), RequestRecord())
    # THEN they come in the order that they have in the catalogue's ranking
    assert [one.index for one in ranked] == [one.index for one in whole if one.index in listed]
