"""No leakage: the split, the tuning and the rankers use nothing from the future."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from model_export.baselines import NAMES, baselines, default_settings, tune
from model_export.baselines.tuning import validation_split
from model_export.data.sessions import Sessions
from model_export.data.split import Split, split_by_time
from model_export.evaluation.engine_ranker import EngineRanker
from model_export.evaluation.leakage import Overlap, overlap
from model_export.metrics.protocol import Ranker, new_targets
from nextitem.errors import InputError
from nextitem.model.engine import Model
from tests.model_export.handmade import handmade
from tests.model_export.random_sessions import DAY, calendars
from tests.model_export.tiny import model_of, random_run

ITEMS = 30
CODES = st.lists(st.integers(0, ITEMS - 1), min_size=2, max_size=8)


def split_or_assume(sessions: Sessions, days: int) -> Split:
    """The split; sessions that cannot be split are skipped."""
    try:
        return split_by_time(sessions, days)
    except InputError:
        assume(False)
        raise


@settings(deadline=None)
@given(sessions=calendars(), days=st.integers(1, 4))
@pytest.mark.slow
def test_train_has_no_session_from_the_time_of_the_test(sessions: Sessions, days: int) -> None:
    split = split_or_assume(sessions, days)
    # every whole session is on one side, by its start, and the cutoff is a midnight
    assert sorted(split.train.ids + split.test.ids) == sorted(sessions.ids)
    assert split.cutoff % DAY == 0
    assert (split.train.starts < split.cutoff).all()
    assert (split.test.times >= split.cutoff).all()
    # the train events from the time of the test are ends of sessions that began before, as documented
    shared = overlap(split.train, split.test)
    assert shared.is_clean
    assert shared.later_events == np.count_nonzero(split.train.times >= split.test.starts.min())


@settings(deadline=None)
@given(sessions=calendars(), days=st.integers(1, 4), data=st.data())
@pytest.mark.slow
def test_sessions_on_both_sides_are_counted(sessions: Sessions, days: int, data: st.DataObject) -> None:
    split = split_or_assume(sessions, days)
    leaked = data.draw(st.sets(st.sampled_from(split.test.ids), min_size=1))
    train = sessions.subset([at for at, name in enumerate(sessions.ids) if name in {*split.train.ids, *leaked}])
    shared = overlap(train, split.test)
    assert (shared.sessions, shared.later_sessions) == (len(leaked), len(leaked))
    assert not shared.is_clean


def test_equal_ids_at_other_times_are_other_sessions() -> None:
    assert overlap(handmade("a b", "b a"), handmade("a b", start=1_700_000_000)) == Overlap(0, 0, 0)


def test_without_a_calendar_there_are_no_later_sessions() -> None:
    train, test = handmade("a b", "b a", start=0), handmade("a b", "a a", start=0)
    assert overlap(train, test) == Overlap(2, 0, 0)


@settings(deadline=None)
@given(sessions=calendars())
@pytest.mark.slow
def test_validation_is_the_end_of_train(sessions: Sessions) -> None:
    try:
        split = validation_split(sessions)
    except InputError:
        assume(False)
    assert split.train.starts.max() <= split.test.starts.min()
    assert not set(split.train.ids) & set(split.test.ids)


def test_tuning_does_not_learn_from_the_validation_days() -> None:
    # GIVEN train sessions in which b follows a on the last two days only, and a catalogue too large to guess
    earlier = [f"{item} {item}{item}" for item in "abcdefghijklmnopqrstuvwxyz"] * 2
    train = handmade(*earlier, *["a b"] * 10)
    train.times[train.offsets[len(earlier)] :] += 4 * DAY
    # WHEN the baselines are tuned
    tuned = tune(train, lambda _done, _total: None)
    # THEN none ranks b after a
    assert tuned.targets == 10
    for name, accuracy in tuned.validation.items():
        if name != "popularity":
            assert accuracy == (0.0, 0.0), name


@pytest.fixture(scope="module")
def rankers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ranker]:
    """The serving engine and every baseline, over one catalogue."""
    model: Model = model_of(random_run(ITEMS), tmp_path_factory.mktemp("out"))
    rng = np.random.default_rng(3)
    names = [f"item-{code:05}" for code in range(ITEMS)]
    sessions = [" ".join(rng.choice(names, rng.integers(2, 8))) for _ in range(60)]
    train = handmade(" ".join(names), *sessions)
    return {"engine": EngineRanker(model), **baselines(train, default_settings("a test"))}


@pytest.mark.parametrize("name", ["engine", *NAMES])
@settings(deadline=None, max_examples=25)
@given(past=CODES, futures=st.tuples(CODES, CODES))
def test_later_events_change_no_earlier_ranking(
    rankers: dict[str, Ranker], name: str, past: list[int], futures: tuple[list[int], list[int]]
) -> None:
    one, other = (rankers[name].rank(np.array(past + future, dtype=np.int32)) for future in futures)
    for view, other_view in zip(one, other, strict=True):
        np.testing.assert_array_equal(view.top[: len(past)], other_view.top[: len(past)])
        np.testing.assert_array_equal(view.ranks[: len(past) - 1], other_view.ranks[: len(past) - 1])


@pytest.mark.parametrize("name", ["engine", *NAMES])
def test_a_rank_agrees_with_its_list(rankers: dict[str, Ranker], name: str) -> None:
    rng = np.random.default_rng(4)
    for _ in range(20):
        session = rng.integers(0, ITEMS, 6).astype(np.int32)
        ranked = rankers[name].rank(session)
        for ranks, shown in ranked:
            for target, rank, top in zip(session[1:].tolist(), ranks.tolist(), shown.tolist(), strict=True):
                if rank == 1.0:
                    assert top[0] == target
                if target not in top:
                    assert not rank <= 1.0
        # AND seen items only ever stand in a target's way
        is_new = new_targets(session)
        assert (ranked.without_seen.ranks[is_new] <= ranked.with_seen.ranks[is_new]).all()
        for step, top in enumerate(ranked.without_seen.top):
            assert not np.isin(session[: step + 1], top).any()
