"""Explanations: each effect is what the engine says with and without an event."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.evaluation.explain import explain
from nextitem.model.engine import Model
from nextitem.sessions.session import WINDOW
from tests.model_export.cli.commandline import done, nextitem
from tests.model_export.tiny import exported, model_of, random_run

ITEMS = 40
EVENTS = st.lists(st.integers(0, ITEMS - 1), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return model_of(random_run(ITEMS), tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(random_run(ITEMS), tmp_path_factory.mktemp("home"))


def score(model: Model, events: list[int], item: int) -> float:
    [one] = model.rank(model.replay(None, events), [item], (), 1)
    return one.score


@settings(deadline=None, max_examples=40)
@given(events=EVENTS, limit=st.integers(1, 5), exclude_seen=st.booleans())
def test_an_effect_is_the_difference_that_an_event_makes(
    model: Model, events: list[int], limit: int, exclude_seen: bool
) -> None:
    # GIVEN any session WHEN its recommendations are explained
    found = explain(model, events, limit, exclude_seen=exclude_seen)
    # THEN they are the engine's own, in its order
    barred = events if exclude_seen else []
    top = model.top(model.replay(None, events), barred, limit)
    assert [(one.item, one.score) for one in found] == [(one.index, one.score) for one in top]
    for one in found:
        # AND each event has its effect, the strongest first, unless it is the only one
        assert sorted(effect.place for effect in one.effects) == (
            list(range(1, len(events) + 1)) if len(events) > 1 else []
        )
        sizes = [abs(effect.effect) for effect in one.effects]
        assert sizes == sorted(sizes, reverse=True)
        for effect in one.effects:
            # AND score and rank without it are those of the session in which it never happened
            assert effect.item == events[effect.place - 1]
            others = events[: effect.place - 1] + events[effect.place :]
            ranked = model.top(model.replay(None, others), barred, ITEMS)
            assert effect.rank_without == [other.index for other in ranked].index(one.item) + 1
            difference = score(model, events, one.item) - score(model, others, one.item)
            assert effect.effect == pytest.approx(difference, abs=1e-4)


def test_only_the_window_counts(model: Model) -> None:
    # GIVEN a session longer than what the service keeps
    events = np.random.default_rng(1).integers(0, ITEMS, WINDOW + 3).tolist()
    # WHEN it is explained THEN the newest events have effects, under their own places, and the others none
    [one] = explain(model, events, 1)
    assert sorted(effect.place for effect in one.effects) == list(range(4, WINDOW + 4))
    assert (one.item, one.score) == tuple(vars_of(explain(model, events[3:], 1)[0]))


def vars_of(one: object) -> list[object]:
    return [getattr(one, name) for name in ("item", "score")]


def test_the_command_tells_places_as_they_were_given(home: Path, tmp_path: Path) -> None:
    # GIVEN items, an unknown one before them, and names
    (tmp_path / "names.csv").write_text("item_id,name\nitem-00003,a red kite\n")
    items = ("unheard-of", "item-00003", "item-00007")
    # WHEN recommendations are explained
    answer = done("explain", home, *items, "--limit", "2", "--json")
    # THEN the JSON has both known events for each, by their place on the command line
    assert answer.err.splitlines() == ["not in the catalogue, passed over: unheard-of"]
    assert len(answer.document["recommendations"]) == 2
    for one in answer.document["recommendations"]:
        told = {event["place"]: event["item_id"] for event in one["events"]}
        assert told == {2: "item-00003", 3: "item-00007"}
    # AND the table says the same in words
    table = done("explain", home, *items, "--limit", "2", "--names", tmp_path / "names.csv").out
    assert "2. a red kite" in table
    for one in answer.document["recommendations"]:
        assert f"{one['score']:.3f}" in table
        assert all(f"{event['effect']:+.3f}" in table for event in one["events"])
    assert max(map(len, table.splitlines())) <= 80


def test_a_single_event_is_all_there_is(home: Path) -> None:
    # GIVEN a session of one event WHEN it is explained THEN nothing is held against an empty session
    assert done("explain", home, "item-00003", "--limit", "1", "--json").document["recommendations"][0]["events"] == []
    assert "the only one" in done("explain", home, "item-00003", "--limit", "1").out


def test_nothing_known_is_nothing_to_explain(home: Path) -> None:
    assert nextitem("explain", home, "unheard-of").err.splitlines()[-1] == (
        "nextitem: none of the items is in the catalogue: there is nothing to explain by"
    )
    assert "item id" in nextitem("explain", home, "").fault
