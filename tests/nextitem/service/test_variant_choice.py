"""Which variant of a route answers a session."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextitem.registry.experiment import new_experiment
from nextitem.registry.route import Route, Variant
from nextitem.service.serving import outside_experiments, pick_variant
from tests.nextitem.parts import STEADY, VERSION

MAIN = Variant("main", VERSION, 1.0)
EXPERIMENT = new_experiment("canary", datetime(2026, 11, 23, tzinfo=UTC))


def route_of(share: float) -> Route:
    arms = Variant("main", VERSION, 1 - share), Variant("challenger", "v" + "1" * 16, share)
    return Route(1, arms, "now", experiment=EXPERIMENT)


@pytest.mark.slow
def test_without_an_experiment_nothing_is_drawn() -> None:
    def drawn(salt: str) -> float:
        raise AssertionError(salt)

    assert pick_variant(Route(1, (MAIN,), "now"), drawn) == MAIN


@pytest.mark.parametrize(
    ("draw", "share", "variant"),
    [(0, 0.1, "challenger"), (0.0999, 0.1, "challenger"), (0.1, 0.1, "main"), (0.9999, 1, "challenger")],
)
def test_the_challenger_answers_below_its_share(draw: float, share: float, variant: str) -> None:
    draws = {EXPERIMENT.salt: draw}
    assert pick_variant(route_of(share), draws.__getitem__).variant == variant


def test_a_request_without_a_session_is_answered_by_the_champion() -> None:
    assert pick_variant(route_of(1.0), outside_experiments).variant == "main"


@STEADY
@given(st.floats(0, 1, exclude_max=True), st.floats(0.001, 1), st.floats(0.001, 1))
def test_a_raise_of_the_share_takes_no_session_from_the_challenger(draw: float, one: float, other: float) -> None:
    fewer, more = sorted((one, other))
    if pick_variant(route_of(fewer), lambda _: draw).variant == "challenger":
        assert pick_variant(route_of(more), lambda _: draw).variant == "challenger"
