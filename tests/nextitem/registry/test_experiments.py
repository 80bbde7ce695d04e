"""Experiments on a route: what each call leaves, in any order, when a process dies, and beside another writer."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextitem.errors import InputError, NextItemError, RouteConflict, VersionNotFound
from nextitem.registry.publisher import Publisher
from nextitem.registry.route import Route, decode_route, route_key
from tests.nextitem.memory_bucket import Died, MemoryBucket
from tests.nextitem.parts import STEADY
from tests.nextitem.publishers import TrustingPublisher

VERSIONS = tuple(f"v{digit * 16}" for digit in "abc")
A, B, C = VERSIONS
NOW = datetime(2026, 11, 29, tzinfo=UTC)
FOLDER = Path()
ID = "e0123456789ab"


@pytest.fixture
def bucket() -> MemoryBucket:
    return MemoryBucket()


@pytest.fixture
def publisher(bucket: MemoryBucket) -> Publisher:
    return TrustingPublisher(bucket, now=lambda: NOW)


def arms(route: Route | None) -> list[tuple[str, str, float]]:
    assert route is not None
    return [(variant.variant, variant.version, round(variant.weight, 9)) for variant in route.variants]


def test_an_experiment_from_start_to_promotion(publisher: Publisher) -> None:
    publisher.promote(A, FOLDER, exclude_seen=True)
    started = publisher.start_experiment(B, 0.05, FOLDER)
    assert arms(started) == [("main", A, 0.95), ("challenger", B, 0.05)]
    assert started.experiment is not None
    assert (started.experiment.kind, started.experiment.started) == ("canary", NOW.isoformat())
    name = started.experiment.experiment

    raised = publisher.set_share(name, 0.5)
    assert arms(raised) == [("main", A, 0.5), ("challenger", B, 0.5)]
    assert raised.experiment == started.experiment
    assert publisher.set_share(name, 0.5) == raised

    ended = publisher.end_experiment(name, FOLDER, promote=True)
    assert (arms(ended), ended.experiment, ended.exclude_seen) == ([("main", B, 1.0)], None, True)
    # Not to a share of the experiment, but to the champion before it
    assert arms(publisher.rollback(FOLDER)) == [("main", A, 1.0)]


def test_a_rollback_after_an_experiment_that_was_lost_goes_back_from_the_champion(publisher: Publisher) -> None:
    # GIVEN two versions, and an experiment that the live one won
    publisher.promote(A, FOLDER)
    publisher.promote(B, FOLDER)
    publisher.start_experiment(C, 0.1, FOLDER, experiment_id=ID)
    assert arms(publisher.end_experiment(ID, FOLDER, promote=False)) == [("main", B, 1.0)]
    # WHEN it is rolled back THEN the version before it is live
    assert arms(publisher.rollback(FOLDER)) == [("main", A, 1.0)]
    # AND after another experiment there is still nothing before that: what was rolled back does not come again
    publisher.start_experiment(C, 0.1, FOLDER)
    assert arms(publisher.rollback(FOLDER)) == [("main", A, 1.0)]
    with pytest.raises(VersionNotFound):
        publisher.rollback(FOLDER)


def test_another_experiment_has_another_id_and_salt(publisher: Publisher) -> None:
    publisher.promote(A, FOLDER)
    experiments = []
    for kind in ("canary", "interleaving"):
        experiment = publisher.start_experiment(B, 1.0, FOLDER, kind).experiment
        assert experiment is not None
        publisher.end_experiment(experiment.experiment, FOLDER, promote=False)
        experiments.append(experiment)
    assert [experiment.kind for experiment in experiments] == ["canary", "interleaving"]
    assert len({name for each in experiments for name in (each.experiment, each.salt)}) == 4


def test_a_start_under_an_id_may_be_repeated(publisher: Publisher) -> None:
    publisher.promote(A, FOLDER)
    started = publisher.start_experiment(B, 0.1, FOLDER, experiment_id=ID)
    assert publisher.start_experiment(B, 0.1, FOLDER, experiment_id=ID) == started
    for version, name in ((B, None), (C, ID)):
        with pytest.raises(RouteConflict, match=f"experiment {ID} runs"):
            publisher.start_experiment(version, 0.1, FOLDER, experiment_id=name)


@pytest.mark.parametrize("share", [0, -0.1, 1.1, float("nan")])
def test_a_share_out_of_range_is_refused(publisher: Publisher, share: float) -> None:
    publisher.promote(A, FOLDER)
    with pytest.raises(InputError, match="share"):
        publisher.start_experiment(B, share, FOLDER)
    with pytest.raises(InputError, match="share"):
        publisher.set_share(ID, share)
    with pytest.raises(InputError, match="id of an experiment"):
        publisher.start_experiment(B, 0.1, FOLDER, experiment_id="mine")


class State(NamedTuple):
    """The model of a route: versions by promotions, the live one last, and the challenger with its share."""

    promoted: tuple[str, ...] = ()
    challenger: tuple[str, float] | None = None


class Refused(NamedTuple):
    """A call that must change nothing."""

    error: type[NextItemError]


Step = tuple[Callable[[Publisher], object], Callable[[State], State | Refused]]


def _name(publisher: Publisher) -> str:
    route = publisher.current()
    return ID if route is None or route.experiment is None else route.experiment.experiment


def promoted(version: str) -> Step:
    def expected(state: State) -> State:
        is_live = state.promoted[-1:] == (version,)
        return State(state.promoted if is_live else (*state.promoted, version))

    return lambda publisher: publisher.promote(version, FOLDER), expected


def started(version: str, share: float) -> Step:
    def expected(state: State) -> State | Refused:
        if not state.promoted:
            return Refused(VersionNotFound)
        if state.challenger:
            return Refused(RouteConflict)
        if state.promoted[-1] == version:
            return Refused(InputError)
        return State(state.promoted, (version, share))

    return lambda publisher: publisher.start_experiment(version, share, FOLDER), expected


def shared(share: float) -> Step:
    def expected(state: State) -> State | Refused:
        return State(state.promoted, (state.challenger[0], share)) if state.challenger else Refused(RouteConflict)

    return lambda publisher: publisher.set_share(_name(publisher), share), expected


def ended(promote: bool) -> Step:
    def expected(state: State) -> State | Refused:
        if not state.challenger:
            return Refused(RouteConflict)
        return State((*state.promoted, state.challenger[0]) if promote else state.promoted)

    return lambda publisher: publisher.end_experiment(_name(publisher), FOLDER, promote=promote), expected


def rolled_back() -> Step:
    def expected(state: State) -> State | Refused:
        if state.challenger:
            return State(state.promoted)
        return State(state.promoted[:-1]) if len(state.promoted) > 1 else Refused(VersionNotFound)

    return lambda publisher: publisher.rollback(FOLDER), expected


SHARES = st.sampled_from([0.05, 0.25, 0.5, 1.0])
STEPS = st.one_of(
    st.builds(promoted, st.sampled_from(VERSIONS)),
    st.builds(started, st.sampled_from(VERSIONS), SHARES),
    st.builds(shared, SHARES),
    st.builds(ended, st.booleans()),
    st.builds(rolled_back),
)


def is_as(state: State, route: Route | None) -> bool:
    if not state.promoted or route is None:
        return not state.promoted and route is None
    version, share = state.challenger or (None, 0.0)
    expected = [("main", state.promoted[-1], 1 - share)] + ([("challenger", version, share)] if version else [])
    return arms(route) == expected and (route.experiment is None) == (version is None)


@STEADY
@given(st.lists(st.tuples(STEPS, st.none() | st.integers(0, 3)), max_size=8))
def test_any_sequence_of_calls_leaves_the_route_that_the_model_says_also_if_processes_die(
    steps: list[tuple[Step, int | None]],
) -> None:
    bucket, state = MemoryBucket(), State()
    publisher = TrustingPublisher(bucket, now=lambda: NOW)
    for (call, expected), dies_after in steps:
        outcome, before = expected(state), publisher.current()
        bucket.dies_after = dies_after
        try:
            call(publisher)
        except Died:  # before or after the change, and nothing between
            bucket.dies_after = None
            if publisher.current() != before:
                assert isinstance(outcome, State)
                state = outcome
        except NextItemError as error:
            refusal = Refused(type(error))
            assert (outcome, publisher.current()) == (refusal, before)
        else:
            assert isinstance(outcome, State)
            state = outcome
        bucket.dies_after = None
        assert is_as(state, publisher.current())
    history = [decode_route(data, key) for key, data in sorted(bucket.objects.items()) if "/history/" in key]
    live = publisher.current()
    known = {route.revision for route in history} | ({live.revision} if live else set())
    assert sorted(known) == list(range(1, len(known) + 1))


CALLS: dict[str, Callable[[Publisher], object]] = {
    "promote": lambda publisher: publisher.promote(C, FOLDER),
    "rollback": lambda publisher: publisher.rollback(FOLDER),
    "share": lambda publisher: publisher.set_share(ID, 0.5),
    "end": lambda publisher: publisher.end_experiment(ID, FOLDER, promote=False),
    "win": lambda publisher: publisher.end_experiment(ID, FOLDER, promote=True),
}


@pytest.mark.parametrize("first", CALLS)
@pytest.mark.parametrize("second", CALLS)
def test_of_two_people_who_act_at_once_one_gets_a_conflict(
    bucket: MemoryBucket, publisher: Publisher, first: str, second: str
) -> None:
    publisher.promote(A, FOLDER)
    publisher.start_experiment(B, 0.1, FOLDER, experiment_id=ID)
    bucket.meanwhile = lambda: CALLS[first](publisher)
    with pytest.raises(RouteConflict, match=r"routes/live\.json was changed meanwhile"):
        CALLS[second](publisher)
    after, expected = publisher.current(), MemoryBucket()
    other = TrustingPublisher(expected, now=lambda: NOW)
    other.promote(A, FOLDER)
    other.start_experiment(B, 0.1, FOLDER, experiment_id=ID)
    CALLS[first](other)
    assert arms(after) == arms(other.current())


def test_of_two_experiments_that_start_at_once_one_gets_a_conflict(bucket: MemoryBucket, publisher: Publisher) -> None:
    publisher.promote(A, FOLDER)
    bucket.meanwhile = lambda: publisher.start_experiment(B, 0.1, FOLDER)
    with pytest.raises(RouteConflict, match=r"routes/live\.json"):
        publisher.start_experiment(C, 0.1, FOLDER)
    assert arms(publisher.current()) == [("main", A, 0.9), ("challenger", B, 0.1)]


def test_a_decision_about_an_experiment_that_ended_changes_nothing(bucket: MemoryBucket, publisher: Publisher) -> None:
    publisher.promote(A, FOLDER)
    publisher.start_experiment(B, 0.1, FOLDER, experiment_id=ID)
    publisher.rollback(FOLDER)
    publisher.start_experiment(C, 0.1, FOLDER, experiment_id="e" + "1" * 12)
    before = bucket.objects[route_key("live")]
    for call in ("share", "end", "win"):
        with pytest.raises(RouteConflict, match=f"{ID} does not run on route live any more: experiment e1{{12}} runs"):
            CALLS[call](publisher)
    assert bucket.objects[route_key("live")] == before
    assert msgspec.json.decode(before)["experiment"]["challenger"] == "challenger"
