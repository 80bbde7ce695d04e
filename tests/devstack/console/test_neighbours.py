"""Neighbours of an item, counted by hand."""

from devstack.console.neighbours import Neighbour, item_view
from model_export.simulator import Session


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
