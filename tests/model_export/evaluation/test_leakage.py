"""No future in the past: neither the split, nor tuning, nor any ranker may know what it is asked."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model_export.baselines import NAMES, baselines, tune, untuned
from model_export.baselines.tuning import validation_split
from model_export.data.sessions import Sessions
from model_export.data.split import Split, split_by_time
from model_export.evaluation.engine_ranker import EngineRanker
from model_export.evaluation.leakage import Overlap, overlap
from model_export.metrics.protocol import Ranker
from nextitem.errors import InputError
from nextitem.model.engine import Model
from tests.model_export.handmade import handmade, items_of
from tests.model_export.random_sessions import DAY, calendars
from tests.model_export.tiny import model_of, random_run

ITEMS = 30
CODES = st.lists(st.integers(0, ITEMS - 1), min_size=2, max_size=8)


def parted(sessions: Sessions, days: int) -> Split:
    """The split, where there is one."""
    try:
        return split_by_time(sessions, days)
    except InputError:
        assume(False)
        raise


@settings(deadline=None)
@given(sessions=calendars(), days=st.integers(1, 4))
def test_train_has_no_session_of_the_tests_time(sessions: Sessions, days: int) -> None:
    # GIVEN any sessions WHEN they are split by days
    split = parted(sessions, days)
    # THEN every session is on one side, whole: by its start, against one midnight
    assert sorted(split.train.ids + split.test.ids) == sorted(sessions.ids)
    assert split.cutoff % DAY == 0
    assert (split.train.starts < split.cutoff).all()
    assert (split.test.times >= split.cutoff).all()
    # AND what train has of the test's time are ends of sessions that began before it, as the protocol documents
    owners = np.repeat(np.arange(len(split.train)), split.train.lengths)
    late = owners[split.train.times >= split.cutoff]
    assert (split.train.starts[late] < split.cutoff).all()
    # AND the check that an evaluation makes agrees
    found = overlap(split.train, split.test)
    assert found.is_clean
    assert found.later_events == np.count_nonzero(split.train.times >= split.test.starts.min()) <= len(late)


@settings(deadline=None)
@given(sessions=calendars(), days=st.integers(1, 4), data=st.data())
def test_a_session_on_both_sides_is_found(sessions: Sessions, days: int, data: st.DataObject) -> None:
    # GIVEN a split, and a train side that has some of the test's sessions as well
    split = parted(sessions, days)
    chosen = data.draw(st.sets(st.sampled_from(split.test.ids), min_size=1))
    leaking = sessions.subset([at for at, name in enumerate(sessions.ids) if name in {*split.train.ids, *chosen}])
    # WHEN they are held against each other THEN each such session counts
    found = overlap(leaking, split.test)
    assert (found.sessions, found.later_sessions) == (len(chosen), len(chosen))
    assert not found.is_clean


def test_sessions_of_the_same_name_at_other_times_are_others() -> None:
    # GIVEN files that number their sessions from 0 each
    assert overlap(handmade("a b", "b a"), handmade("a b", start=1_700_000_000)) == Overlap(0, 0, 0)


@settings(deadline=None)
@given(sessions=calendars())
def test_validation_is_cut_from_trains_end(sessions: Sessions) -> None:
    # GIVEN any train sessions WHEN validation is cut from them
    try:
        split = validation_split(sessions)
    except InputError:
        assume(False)
    # THEN no neighbour that is fitted for it starts after its first session, and none is judged by itself
    assert split.train.starts.max() <= split.test.starts.min()
    assert not set(split.train.ids) & set(split.test.ids)


def test_tuning_learns_nothing_from_the_days_it_is_judged_on() -> None:
    # GIVEN train sessions in which b follows a on the last two days only, and a catalogue too large to guess from
    earlier = [f"{item} {item}{item}" for item in "abcdefghijklmnopqrstuvwxyz"] * 2
    train = handmade(*earlier, *["a b"] * 10)
    last_days = np.arange(len(earlier), len(train))
    times = train.times.copy()
    times[train.offsets[last_days[0]] :] += 4 * DAY
    moved = Sessions(
        catalogue=train.catalogue,
        codes=train.codes,
        offsets=train.offsets,
        times=times,
        rows=train.rows,
        ids=train.ids,
        is_epoch=True,
    )
    assert items_of(moved)[-1] == ["a", "b"]
    # WHEN the baselines are tuned THEN none has found b after a: all they had was earlier
    tuned = tune(moved, lambda _done, _steps: None)
    assert tuned.targets == 10
    for name, reached in tuned.validation.items():
        if name != "popularity":
            assert reached == (0.0, 0.0), name


@pytest.fixture(scope="module")
def rankers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ranker]:
    """The engine that serves, and every baseline, over one catalogue."""
    model: Model = model_of(random_run(ITEMS), tmp_path_factory.mktemp("out"))
    rng = np.random.default_rng(3)
    names = [f"item-{code:05}" for code in range(ITEMS)]
    listed = [" ".join(rng.choice(names, rng.integers(2, 8))) for _ in range(60)]
    found = baselines(handmade(" ".join(names), *listed), untuned("a test"))
    return {"engine": EngineRanker(model), **found}


@pytest.mark.parametrize("name", ["engine", *NAMES])
@settings(deadline=None, max_examples=25)
@given(past=CODES, one=CODES, other=CODES)
def test_what_comes_later_changes_no_earlier_answer(
    rankers: dict[str, Ranker], name: str, past: list[int], one: list[int], other: list[int]
) -> None:
    # GIVEN two sessions with the same past
    def answers(future: list[int]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        return rankers[name].ranks(np.array(past + future, dtype=np.int32))

    # WHEN both are ranked
    (ranks, shown), (others, also) = answers(one), answers(other)
    # THEN up to where they part, lists and ranks are the same
    assert shown[: len(past)].tolist() == also[: len(past)].tolist()
    assert ranks[: len(past) - 1].tolist() == others[: len(past) - 1].tolist()


@pytest.mark.parametrize("name", ["engine", *NAMES])
def test_a_rank_agrees_with_the_list_it_came_with(rankers: dict[str, Ranker], name: str) -> None:
    # GIVEN any ranker WHEN sessions are ranked
    rng = np.random.default_rng(4)
    for _ in range(20):
        session = rng.integers(0, ITEMS, 6).astype(np.int32)
        ranks, shown = rankers[name].ranks(session)
        # THEN whoever is ranked within 20 stands in the list, at its rank but for ties
        for target, rank, top in zip(session[1:].tolist(), ranks.tolist(), shown.tolist(), strict=True):
            if rank == 1.0:
                assert top[0] == target
            if target not in top:
                assert rank > 1.0


def test_an_order_has_no_later_sessions() -> None:
    # GIVEN times that are only an order WHEN sides are compared THEN only the same sessions count
    train, test = handmade("a b", "b a", start=0), handmade("a b", "a a", start=0)
    assert overlap(train, test) == Overlap(2, 0, 0)
