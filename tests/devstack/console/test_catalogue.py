"""Neighbours of an item, counted by hand."""

from devstack.console.catalogue import Neighbour, item_view, shop_products
from devstack.publish import demo_artifact
from model_export.simulator import Session, Shop
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model


def session(number: int, *item_ids: str) -> Session:
    return Session(f"s{number}", item_ids, tuple(map(float, range(len(item_ids)))), ())


def test_neighbours_and_followers_are_counted_once_a_session() -> None:
    # GIVEN three sessions, two of them with tea
    sessions = [
        session(1, "tea", "pot", "tea", "pot", "mug"),
        session(2, "mug", "tea", "pot"),
        session(3, "mug", "pan"),
    ]
    # WHEN tea is looked up
    view = item_view("tea", sessions)
    # THEN a repeat within a session counts once
    assert (view.sessions_with_it, view.sessions_counted) == (2, 3)
    assert view.neighbours == (Neighbour("mug", 2), Neighbour("pot", 2))
    assert view.followers == (Neighbour("pot", 2),)
    assert [found.session_id for found in view.sessions] == ["s1", "s2"]


def test_an_item_of_no_session_has_no_neighbours() -> None:
    view = item_view("tea", [session(1, "mug", "pan")])

    assert (view.sessions_with_it, view.neighbours, view.sessions) == (0, (), ())


def test_a_model_of_another_shop_shows_its_popular_items() -> None:
    # GIVEN a model, and a shop of which it knows no product
    model = Model(open_artifact(demo_artifact()), goldens=1)
    shop = Shop()
    shop.products = ()
    # WHEN its products are listed
    products = shop_products(shop, model)
    # THEN they are the most popular items, with their ids as names
    popular = model.vocabulary.item_id(model.manifest.popular[0].index)
    assert (products[0].item_id, products[0].name, products[0].price) == (popular, popular, None)
