"""Explanations: each effect is the engine's score with and without an event."""

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
    [ranked] = model.rank(model.replay(None, events), [item], (), 1)
    return ranked.score


@settings(deadline=None, max_examples=40)
@given(events=EVENTS, limit=st.integers(1, 5), exclude_seen=st.booleans())
@pytest.mark.slow
def test_an_effect_is_the_difference_that_an_event_makes(
    model: Model, events: list[int], limit: int, exclude_seen: bool
) -> None:
    explanations = explain(model, events, limit, exclude_seen=exclude_seen)
    # the engine's own recommendations, in its order
    excluded = events if exclude_seen else []
    top = model.top(model.replay(None, events), excluded, limit)
    assert [(explanation.item, explanation.score) for explanation in explanations] == [
        (ranked.index, ranked.score) for ranked in top
    ]
    for explanation in explanations:
        # one effect per event, the strongest first, unless the event is the only one
        assert sorted(effect.place for effect in explanation.effects) == (
            list(range(1, len(events) + 1)) if len(events) > 1 else []
        )
        sizes = [abs(effect.effect) for effect in explanation.effects]
        assert sizes == sorted(sizes, reverse=True)
        for effect in explanation.effects:
            # score and rank without the event are those of the session without it
            assert effect.item == events[effect.place - 1]
            others = events[: effect.place - 1] + events[effect.place :]
            ranked = model.top(model.replay(None, others), excluded, ITEMS)
            assert effect.rank_without == [item.index for item in ranked].index(explanation.item) + 1
            difference = score(model, events, explanation.item) - score(model, others, explanation.item)
            assert effect.effect == pytest.approx(difference, abs=1e-4)


def test_only_the_window_has_effects(model: Model) -> None:
    events = np.random.default_rng(1).integers(0, ITEMS, WINDOW + 3).tolist()
    [explanation] = explain(model, events, 1)
    [of_window] = explain(model, events[3:], 1)
    assert sorted(effect.place for effect in explanation.effects) == list(range(4, WINDOW + 4))
    assert (explanation.item, explanation.score) == (of_window.item, of_window.score)


def test_the_command_shows_places_of_the_command_line(home: Path, tmp_path: Path) -> None:
    # GIVEN an unknown item, two known ones, and names
    (tmp_path / "names.csv").write_text("item_id,title\nitem-00003,a red kite\n")
    items = ("unheard-of", "item-00003", "item-00007")
    # WHEN recommendations are explained
    answer = done("explain", home, *items, "--limit", "2", "--json")
    # THEN the JSON has both known events for each, by their place on the command line
    assert answer.err.splitlines() == ["ignored, because not in the catalogue: unheard-of"]
    assert len(answer.document["recommendations"]) == 2
    for recommendation in answer.document["recommendations"]:
        places = {event["place"]: event["item_id"] for event in recommendation["events"]}
        assert places == {2: "item-00003", 3: "item-00007"}
    # AND the table shows the same
    table = done("explain", home, *items, "--limit", "2", "--names", tmp_path / "names.csv").out
    assert "2. a red kite" in table
    for recommendation in answer.document["recommendations"]:
        assert f"{recommendation['score']:.3f}" in table
        assert all(f"{event['effect']:+.3f}" in table for event in recommendation["events"])
    assert max(map(len, table.splitlines())) <= 80


def test_the_command_on_a_single_event(home: Path) -> None:
    assert done("explain", home, "item-00003", "--limit", "1", "--json").document["recommendations"][0]["events"] == []
    assert "the only one" in done("explain", home, "item-00003", "--limit", "1").out


def test_the_command_refuses_unknown_items(home: Path) -> None:
    *_, ids, refusal = nextitem("explain", home, "unheard-of").err.splitlines()
    assert ids.startswith("Ids of these items are such as 'unheard-of'; of the model such as 'item-00000', '")
    assert refusal == (
        "nextitem: none of the items is in the catalogue: there is no event to explain a recommendation by"
    )
    assert "item id" in nextitem("explain", home, "").fault
