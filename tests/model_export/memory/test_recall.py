"""Recall: by hand on a few sessions, and compared with a slow version of its description."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export.data.sessions import Sessions
from model_export.memory import Memory, MemoryConfig, build_index
from nextitem.errors import InputError
from tests.model_export.handmade import handmade

PLAIN = MemoryConfig(event_decay=0.0, rarity=0.0, length_power=0.0, sharpness=1.0, after=0.0, before=0.0)
"""Every shared item weighs the same, and a vote is the item's rarity."""


def recall(sessions: Sessions, session: str, config: MemoryConfig = PLAIN) -> dict[str, float]:
    """The votes by item after a session, its items separated by blanks."""
    codes = np.array([sessions.catalogue.index(item) for item in session.split()], np.int32)
    items, votes = Memory(build_index(sessions, config), config).votes(codes)
    assert (np.diff(items) > 0).all()
    return dict(zip([sessions.catalogue[item] for item in items], votes.tolist(), strict=True))


def slow_recall(sessions: Sessions, session: list[int], config: MemoryConfig) -> dict[int, float]:
    """Recall step by step, as the module describes it."""
    cut = [sessions.session(number)[-config.session_events :].tolist() for number in range(len(sessions))]
    newest_first = [items for items in reversed(cut) if len(set(items)) > 1][: config.sessions]
    rarity = {
        item: math.log1p(len(newest_first) / sum(item in other for other in newest_first))
        for items in newest_first
        for item in items
    }
    similarity: dict[int, float] = {}
    match: dict[int, int] = {}
    recent = session[::-1][: config.events]
    for age, item in enumerate(recent):
        if item in recent[:age]:
            continue
        holders = [number for number, items in enumerate(newest_first) if item in items]
        for number in holders[: config.per_item]:
            weight = math.exp(-config.event_decay * age) * rarity[item] ** config.rarity
            similarity[number] = similarity.get(number, 0.0) + weight
            match.setdefault(number, item)
    for number in similarity:
        similarity[number] /= len(set(newest_first[number])) ** config.length_power
    votes: dict[int, float] = {}
    for number in sorted(similarity, key=lambda number: -similarity[number])[: config.neighbours]:
        places = {item: place for place, item in enumerate(newest_first[number])}
        for item, place in places.items():
            distance = place - places[match[number]]
            decay = config.after * (distance - 1) if distance > 0 else config.before * -distance
            vote = similarity[number] ** config.sharpness * math.exp(-decay) * rarity[item]
            votes[item] = votes.get(item, 0.0) + vote
    return votes


def test_neighbours_vote_for_all_their_items() -> None:
    # two sessions hold a, one does not; rarer items get more votes
    assert recall(handmade("a b", "a c d", "e f"), "a") == pytest.approx(
        {"a": 2 * math.log1p(3 / 2), "b": math.log1p(3), "c": math.log1p(3), "d": math.log1p(3)}, rel=1e-6
    )


def test_sessions_that_share_more_items_weigh_more() -> None:
    votes = recall(handmade("a b x", "a c y"), "b a")
    assert votes["x"] == pytest.approx(2 * votes["y"], rel=1e-6)


def test_a_repeated_item_counts_once() -> None:
    sessions = handmade("a b", "a c")
    assert recall(sessions, "a a") == recall(sessions, "a")


@pytest.mark.parametrize(
    ("sessions", "config", "items"),
    [
        (("a b", "a c", "a d", "a a"), MemoryConfig(sessions=2), "acd"),
        (("a b", "a c"), MemoryConfig(per_item=1), "ac"),
        (("a b", "a c"), MemoryConfig(neighbours=1), "ac"),
        (("a b", "a b", "a c"), MemoryConfig(recalled=2, rarity=0.0), "ab"),
    ],
    ids=["the newest sessions", "the newest sessions of an item", "the newest of equal neighbours", "the most votes"],
)
def test_limits_keep(sessions: tuple[str, ...], config: MemoryConfig, items: str) -> None:
    assert recall(handmade(*sessions), "a", config).keys() == set(items)


def test_nothing_shared_recalls_nothing() -> None:
    sessions = handmade("a", "b c")
    assert recall(sessions, "a") == {}
    assert recall(sessions, "") == {}


@given(
    lists=st.lists(st.lists(st.integers(0, 7), min_size=1, max_size=9), min_size=1, max_size=12),
    session=st.lists(st.integers(0, 7), min_size=1, max_size=9),
    sizes=st.tuples(st.integers(1, 9), st.integers(2, 6), st.integers(1, 6), st.integers(1, 4)),
)
@pytest.mark.slow
def test_recall_follows_its_description(
    lists: list[list[int]], session: list[int], sizes: tuple[int, int, int, int]
) -> None:
    # So few sessions that all are neighbours: float32 and float64 may break ties between neighbours differently.
    sessions = handmade(*(" ".join(map(str, items)) for items in [*lists, list(range(8))]))
    kept, session_events, events, per_item = sizes
    config = MemoryConfig(sessions=kept, session_events=session_events, events=events, per_item=per_item)
    items, votes = Memory(build_index(sessions, config), config).votes(np.array(session, np.int32))
    assert dict(zip(items.tolist(), votes.tolist(), strict=True)) == pytest.approx(
        slow_recall(sessions, session, config), rel=1e-4
    )


@pytest.mark.parametrize(
    ("setting", "value", "rule"),
    [
        ("sessions", -1, "at least 0"),
        ("events", 0, "at least 1"),
        ("rarity", -0.5, "at least 0"),
        ("after", math.nan, "at least 0"),
        ("session_events", 257, "at most 256"),
    ],
)
def test_a_setting_out_of_range_is_an_error(setting: str, value: float, rule: str) -> None:
    with pytest.raises(InputError, match=f"^memory {setting.replace('_', ' ')} must be {rule}, not {value!r}$"):
        MemoryConfig(**{setting: value})  # type: ignore[arg-type]  # mypy cannot match one value with every setting
