"""Draws are reproducible by key, and have their distributions."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export.simulator.chance import Chance, Weighted

KEYS = st.lists(st.integers() | st.text(max_size=5), min_size=1, max_size=3)


@given(key=KEYS)
def test_the_same_key_gives_the_same_draws(key: list[int | str]) -> None:
    draws, again, other = Chance(*key), Chance(*key), Chance(*key, "x")
    first = [draws.part() for _ in range(5)]
    assert first == [again.part() for _ in range(5)]
    assert first != [other.part() for _ in range(5)]


@given(key=KEYS, choices=st.lists(st.integers(), max_size=30))
def test_shuffling_keeps_every_choice(key: list[int | str], choices: list[int]) -> None:
    assert sorted(Chance(*key).shuffled(choices)) == sorted(choices)


@given(key=KEYS, table=st.lists(st.floats(0, 1e6), min_size=2, max_size=9).map(sorted))
def test_a_quantile_lies_within_its_table(key: list[int | str], table: list[float]) -> None:
    assert table[0] <= Chance(*key).quantile(table) <= table[-1] * (1 + 1e-12)


@given(weights=st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=30))
def test_a_part_of_the_weight_always_finds_a_choice(weights: list[float]) -> None:
    choices = Weighted(enumerate(weights))
    assert choices.at(0.0) == 0
    assert choices.at(1 - 2**-53) in range(len(weights))


def test_weights_are_frequencies() -> None:
    chance, choices = Chance("weights"), Weighted((("a", 1), ("b", 2), ("c", 7)))
    counts = Counter(chance.weighted(choices) for _ in range(10_000))
    # Within five standard deviations.
    assert counts["a"] == pytest.approx(1000, abs=150)
    assert counts["b"] == pytest.approx(2000, abs=200)
    assert counts["c"] == pytest.approx(7000, abs=230)
