"""The team draft: fair, without repeats, in the order of each team's list, and by the rules of the request."""

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextitem.service.interleaving import _champion_begins
from nextitem.service.team_draft import Candidate, Drafted, Quota, draft
from tests.nextitem.parts import STEADY

ITEMS = [f"{letter}{number}" for letter in "rgb" for number in range(4)]
"""Their first letter is their value."""
LISTS = st.tuples(st.permutations(ITEMS), st.permutations(ITEMS))
COINS = st.lists(st.booleans(), min_size=len(ITEMS), max_size=len(ITEMS))


def listed(items: list[str], places: int, promoted: frozenset[int] = frozenset()) -> list[Candidate]:
    """Return a list with promoted items at some places."""
    return [Candidate(item, "promoted" if at in promoted else None) for at, item in enumerate(items[:places], 1)]


def compose(items: list[str], promoted: set[str], at: set[int]) -> list[Candidate]:
    """Return a list whose places of a promotion go to the best promoted items, the others to the best of all."""
    left, candidates = list(items), []
    for place in range(1, len(items) + 1):
        best = next((item for item in left if item in promoted), None) if place in at else None
        candidates.append(Candidate(best or left[0], "promoted" if best else None))
        left.remove(best or left[0])
    return candidates


def colour(item_id: str) -> tuple[str]:
    return (item_id[0],)


def teams(drafted: list[Drafted]) -> str:
    return "".join(item.team for item in drafted)


def begin(coins: list[bool]) -> Callable[[int], bool]:
    return coins.__getitem__


@pytest.mark.parametrize(
    ("coins", "expected"),
    [
        ([True] * 4, [("a", "c"), ("d", "x"), ("b", "c"), ("e", "x")]),
        ([False] * 4, [("d", "x"), ("a", "c"), ("b", "x"), ("c", "c")]),
        ([True, False, False, False], [("a", "c"), ("d", "x"), ("b", "x"), ("c", "c")]),
    ],
)
def test_in_each_round_the_coin_says_who_takes_its_best_item_first(
    coins: list[bool], expected: list[tuple[str, str]]
) -> None:
    lists = listed(list("abc"), 3), listed(list("dbe"), 3)
    assert draft(lists, 4, begin(coins), {}, Quota(None)) == [Drafted(*place) for place in expected]


@STEADY
@given(LISTS, COINS, st.integers(1, len(ITEMS)), st.integers(1, len(ITEMS)))
def test_both_teams_draft_as_many_places_and_a_longer_answer_begins_with_a_shorter_one(
    lists: tuple[list[str], list[str]], coins: list[bool], places: int, fewer: int
) -> None:
    def of(places: int) -> list[Drafted]:
        return draft((listed(lists[0], places), listed(lists[1], places)), places, begin(coins), {}, Quota(None))

    drafted = of(places)
    # No item has two places, and every place is drafted
    assert len({item.item_id for item in drafted}) == len(drafted) == places
    # After each place, no team is more than one ahead
    for length in range(places + 1):
        counts = Counter(teams(drafted[:length]))
        assert abs(counts["c"] - counts["x"]) <= 1
    shorter = min(fewer, places)
    assert of(shorter) == drafted[:shorter]


@STEADY
@given(LISTS, COINS, st.sets(st.sampled_from(ITEMS), min_size=3), st.sets(st.integers(1, 6), max_size=3))
def test_promoted_places_go_to_promoted_items_of_either_team(
    lists: tuple[list[str], list[str]], coins: list[bool], promoted: set[str], at: set[int]
) -> None:
    # GIVEN lists of which some places go to the best promoted items that are left
    composed = [compose(items, promoted, at) for items in lists]
    # WHEN they are drafted THEN the places that either list gives to a promoted item go to promoted items, as long as
    # any is left, and no item has two places
    drafted = draft((composed[0], composed[1]), 6, begin(coins), {}, Quota(None))
    assert len({item.item_id for item in drafted}) == len(drafted) == 6
    candidates = {item.item_id for items in composed for item in items if item.placement}
    for place in (place for place in at if any(items[place - 1].placement for items in composed)):
        before = {item.item_id for item in drafted[: place - 1]}
        assert drafted[place - 1].item_id in candidates or candidates <= before


@STEADY
@given(LISTS, COINS, st.dictionaries(st.integers(1, 8), st.sampled_from(ITEMS), max_size=3), st.integers(1, 3))
@pytest.mark.slow
def test_pins_have_their_places_and_no_team_and_no_value_is_over_its_maximum(
    lists: tuple[list[str], list[str]], coins: list[bool], pins: dict[int, str], most: int
) -> None:
    pins = {place: item for place, item in pins.items() if list(pins.values()).count(item) == 1}
    places, pinned = 8, Counter(item[0] for item in pins.values())
    whole = listed(lists[0], len(ITEMS)), listed(lists[1], len(ITEMS))
    drafted = draft(whole, places, begin(coins), pins, Quota(most, colour))
    values = Counter(item.item_id[0] for item in drafted)
    assert all(values[value] <= max(most, pinned[value]) for value in values)
    assert len(drafted) == min(places, sum(max(most, pinned[value]) for value in "rgb"))
    assert {item.item_id for item in drafted if item.team == "-"} == set(pins.values())
    assert all(drafted[place - 1].item_id == item for place, item in pins.items() if place <= len(drafted) - len(pins))
    # What a team drafts is in the order of its list
    for name, items in zip("cx", lists, strict=True):
        own = [item.item_id for item in drafted if item.team == name]
        assert own == sorted(own, key=items.index)


def test_a_promoted_place_goes_to_the_best_promoted_item_of_a_team() -> None:
    lists = listed(list("abPcQ"), 5, frozenset({3, 5})), listed(list("dbQePf"), 6, frozenset({3, 5}))
    drafted = draft(lists, 6, lambda _: True, {}, Quota(None))
    assert [item.item_id for item in drafted] == ["a", "d", "P", "b", "Q", "e"]
    assert teams(drafted) == "cxcxcx"
    # A team without promoted items leaves the place to the other, and drafts the next ones
    drafted = draft((listed(list("abc"), 3), lists[1]), 5, lambda _: True, {}, Quota(None))
    assert [(item.item_id, item.team) for item in drafted] == [
        ("a", "c"),
        ("d", "x"),
        ("Q", "x"),
        ("b", "c"),
        ("P", "x"),
    ]


def test_the_coin_is_fair_and_the_same_for_the_same_session_only() -> None:
    chains = [f"{number:016}".encode() for number in range(2000)]
    tosses = {salt: [_champion_begins(salt, chain, 0) for chain in chains] for salt in ("a" * 16, "b" * 16)}
    one, other = tosses.values()
    assert one == [_champion_begins("a" * 16, chain, 0) for chain in chains]
    # Over four standard deviations of a binomial are allowed
    agree = sum(a == b for a, b in zip(one, other, strict=True))
    rounds = sum(_champion_begins("a" * 16, chain, 0) == _champion_begins("a" * 16, chain, 1) for chain in chains)
    assert all(abs(count - 1000) < 95 for count in (sum(one), sum(other), agree, rounds))
