"""Recall: by hand on a few sessions, and against a slow version of the same words on many."""

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
"""Every shared item counts the same, and a vote is worth only the item's rarity."""


def recalled(sessions: Sessions, session: str, config: MemoryConfig = PLAIN) -> dict[str, float]:
    """What a session, its items separated by blanks, recalls: votes by item."""
    codes = np.array([sessions.catalogue.index(item) for item in session.split()], np.int32)
    items, votes = Memory(build_index(sessions, config), config).votes(codes)
    assert (np.diff(items) > 0).all()
    return dict(zip([sessions.catalogue[item] for item in items], votes.tolist(), strict=True))


def slow(sessions: Sessions, session: list[int], config: MemoryConfig) -> dict[int, float]:
    """The module's description, word by word."""
    kept = [sessions.session(at)[-config.session_events :].tolist() for at in range(len(sessions))]
    newest_first = [one for one in reversed(kept) if len(set(one)) > 1][: config.sessions]
    rarity = {
        item: math.log1p(len(newest_first) / sum(item in one for one in newest_first))
        for one in newest_first
        for item in one
    }
    found: dict[int, list[float]] = {}
    asked: list[int] = []
    for age, item in enumerate(session[::-1][: config.events]):
        if item in asked:
            continue
        asked.append(item)
        holders = [at for at, one in enumerate(newest_first) if item in one][: config.per_item]
        for at in holders:
            weight = math.exp(-config.event_decay * age) * rarity[item] ** config.rarity
            found.setdefault(at, [0.0, item])[0] += weight
    near = {at: value / len(set(newest_first[at])) ** config.length_power for at, (value, _) in found.items()}
    votes: dict[int, float] = {}
    for at in sorted(near, key=lambda at: -near[at])[: config.neighbours]:
        places = {item: place for place, item in enumerate(newest_first[at])}
        for item, place in places.items():
            distance = place - places[int(found[at][1])]
            loss = config.after * (distance - 1) if distance > 0 else config.before * -distance
            votes[item] = votes.get(item, 0.0) + near[at] ** config.sharpness * math.exp(-loss) * rarity[item]
    return votes


def test_neighbours_vote_for_what_they_hold() -> None:
    # GIVEN two sessions that hold a, and one that does not
    sessions = handmade("a b", "a c d", "e f")
    # WHEN a is looked at
    votes = recalled(sessions, "a")
    # THEN all that those two hold is recalled, the rarer items with more votes, and nothing else
    assert votes == pytest.approx(
        {"a": 2 * math.log1p(3 / 2), "b": math.log1p(3), "c": math.log1p(3), "d": math.log1p(3)}, rel=1e-6
    )


def test_sessions_that_share_more_count_more() -> None:
    # GIVEN a session that shares both items, and one that shares one
    sessions = handmade("a b x", "a c y")
    # WHEN both are looked at
    votes = recalled(sessions, "b a")
    # THEN the former's item has twice the votes
    assert votes["x"] == pytest.approx(2 * votes["y"], rel=1e-6)


def test_a_repeated_event_asks_once() -> None:
    # GIVEN a session in which one item stands twice
    sessions = handmade("a b", "a c")
    # WHEN it is looked at again
    # THEN nothing has changed but its age
    assert recalled(sessions, "a a") == recalled(sessions, "a")


def test_only_the_newest_sessions_are_kept() -> None:
    # GIVEN three sessions, of which two are kept; one of a single item does not take a place
    sessions = handmade("a b", "a c", "a d", "a a")
    # WHEN a is looked at
    votes = recalled(sessions, "a", MemoryConfig(sessions=2))
    # THEN the oldest session is forgotten
    assert votes.keys() == {"a", "c", "d"}


def test_of_an_items_sessions_the_newest_are_asked() -> None:
    # GIVEN two sessions that hold a, of which one is asked
    # WHEN a is looked at
    # THEN that is the newer one
    assert recalled(handmade("a b", "a c"), "a", MemoryConfig(per_item=1)).keys() == {"a", "c"}


def test_of_equal_neighbours_the_newer_one_votes() -> None:
    # GIVEN two sessions that are equally similar, and place for one
    # WHEN a is looked at
    # THEN the newer one has it
    assert recalled(handmade("a b", "a c"), "a", MemoryConfig(neighbours=1)).keys() == {"a", "c"}


def test_the_most_voted_are_recalled() -> None:
    # GIVEN place for two items of three
    sessions = handmade("a b", "a b", "a c")
    # WHEN a is looked at
    # THEN the ones with the most votes have it
    assert recalled(sessions, "a", MemoryConfig(recalled=2, rarity=0.0)).keys() == {"a", "b"}


def test_what_nobody_shares_recalls_nothing() -> None:
    # GIVEN an item of a session that is not kept, and no session at all
    sessions = handmade("a", "b c")
    # WHEN it is looked at
    # THEN there is nothing to recall
    assert recalled(sessions, "a") == {}
    assert recalled(sessions, "") == {}


@given(
    lists=st.lists(st.lists(st.integers(0, 7), min_size=1, max_size=9), min_size=1, max_size=12),
    session=st.lists(st.integers(0, 7), min_size=1, max_size=9),
    sizes=st.tuples(st.integers(1, 9), st.integers(2, 6), st.integers(1, 6), st.integers(1, 4)),
)
def test_it_does_what_it_says(lists: list[list[int]], session: list[int], sizes: tuple[int, int, int, int]) -> None:
    # GIVEN any sessions over eight items, and limits of any size
    sessions = handmade(*(" ".join(map(str, one)) for one in [*lists, list(range(8))]))
    kept, session_events, events, per_item = sizes
    # few of each: that neighbours do not tie by what float32 rounds, all of them vote
    config = MemoryConfig(sessions=kept, session_events=session_events, events=events, per_item=per_item)
    # WHEN a session recalls
    items, votes = Memory(build_index(sessions, config), config).votes(np.array(session, np.int32))
    # THEN it recalls what the description says
    assert dict(zip(items.tolist(), votes.tolist(), strict=True)) == pytest.approx(
        slow(sessions, session, config), rel=1e-4
    )


@pytest.mark.parametrize(
    ("setting", "value", "rule"),
    [
        ("sessions", -1, "at least 0"),
        ("events", 0, "at least 1"),
        ("neighbours", 0, "at least 1"),
        ("rarity", -0.5, "at least 0"),
        ("after", math.nan, "at least 0"),
        ("session_events", 257, "at most 256"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(setting: str, value: float, rule: str) -> None:
    # GIVEN a setting out of its range
    # WHEN the settings are put together
    # THEN one sentence names it
    with pytest.raises(InputError, match=f"^memory {setting.replace('_', ' ')} must be {rule}, not {value!r}$"):
        MemoryConfig(**{setting: value})  # type: ignore[arg-type]  # that is the point
