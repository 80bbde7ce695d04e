"""Which variant of a route answers a session."""

from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nextitem.registry.route import Route, Variant
from nextitem.service.serving import pick_variant
from nextitem.sessions.keys import session_key
from tests.nextitem.parts import SECRET, STEADY, VERSION

KEYS = [session_key(SECRET, str(number)) for number in range(10_000)]


def route_of(*weights: float) -> Route:
    return Route(1, tuple(Variant(str(place), VERSION, weight) for place, weight in enumerate(weights)), "now")


@pytest.mark.parametrize("weights", [(1, 1), (9, 1), (0.5, 0.3, 0.2), (0, 1, 0, 3)])
def test_each_variant_gets_sessions_by_its_weight(weights: tuple[float, ...]) -> None:
    picked = Counter(pick_variant(route_of(*weights), key).variant for key in KEYS)
    for place, weight in enumerate(weights):
        assert picked[str(place)] / len(KEYS) == pytest.approx(weight / sum(weights), abs=0.02)


@pytest.mark.parametrize(("digits", "variant"), [("0" * 8, "0"), ("7fffffff", "0"), ("80000000", "1"), ("f" * 8, "1")])
def test_variants_of_equal_weight_share_the_digits_exactly(digits: str, variant: str) -> None:
    assert pick_variant(route_of(1, 1), digits).variant == variant


@STEADY
@given(
    st.lists(st.floats(0, 1000), min_size=1, max_size=5).filter(lambda weights: sum(weights) > 0),
    st.sampled_from(KEYS) | st.sampled_from(["nextitem:" + "0" * 32, "nextitem:" + "f" * 32]),
)
@example([5e-324, 0.0], "nextitem:" + "f" * 32)
def test_a_variant_without_weight_is_never_picked(weights: list[float], key: str) -> None:
    route = route_of(*weights)
    assert pick_variant(route, key).weight > 0
    assert pick_variant(route, key) == pick_variant(route, key)


def test_sessions_stay_with_a_variant_whose_weight_grows() -> None:
    few, many = route_of(1, 9), route_of(5, 5)
    assert {key for key in KEYS if pick_variant(few, key).variant == "0"} <= {
        key for key in KEYS if pick_variant(many, key).variant == "0"
    }
