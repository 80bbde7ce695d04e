"""The ranker of the serving engine: the protocol's ranks of the list that a visitor gets."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from model_export.evaluation.engine_ranker import EngineRanker
from model_export.metrics.calibration import calibration_error
from model_export.metrics.protocol import NO_ITEM
from model_export.metrics.ranking import CUTOFF, ranks_of_targets
from nextitem.event_types import VIEW
from nextitem.hidden_state import HiddenState
from nextitem.model.engine import Model
from nextitem.model.manifest import MAX_TOP, Calibration
from nextitem.sessions.codec import CHAIN_BYTES, decode_snapshot, encode_snapshot
from nextitem.sessions.session import Snapshot
from tests.model_export.tiny import model_of, random_run, random_weights

MANY = 2 * MAX_TOP


def states(model: Model, session: list[int]) -> list[HiddenState]:
    """The hidden state after each event but the last, stored as a snapshot between events."""
    hidden: HiddenState | None = None
    after = []
    for item in session[:-1]:
        stepped = model.replay(hidden, [item])
        hidden = decode_snapshot(encode_snapshot(Snapshot(bytes(CHAIN_BYTES), stepped))).hidden
        after.append(hidden)
    return after


def all_scores(model: Model, hidden: HiddenState) -> NDArray[np.float64]:
    """The engine's score of every item."""
    scores = np.full(len(model.vocabulary), np.nan)
    for ranked in model.top(hidden, (), len(model.vocabulary)):
        scores[ranked.index] = ranked.score
    return scores


def expected(model: Model, session: list[int]) -> list[float]:
    """The protocol's rank over all scores, infinity beyond the longest list that is served."""
    ranks = [
        float(ranks_of_targets(all_scores(model, hidden), item))
        for hidden, item in zip(states(model, session), session[1:], strict=True)
    ]
    return [rank if rank <= MAX_TOP else np.inf for rank in ranks]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return model_of(random_run(items=MANY, layers=2), tmp_path_factory.mktemp("out"))


def tied(items: int, distinct: int) -> NDArray[np.float32]:
    """An item table of repeated rows, so that many items tie."""
    return np.resize(random_weights(distinct, 16, 1)["table"], (items, 16))


@pytest.mark.slow
@pytest.mark.parametrize("length", [60, 150], ids=["within the window", "beyond the window"])
def test_ranks_are_those_of_the_whole_catalogue(model: Model, length: int) -> None:
    session = np.random.default_rng(1).integers(0, MANY, length).astype(np.int32)
    ranks = EngineRanker(model).rank(session).with_seen.ranks
    assert ranks.tolist() == expected(model, session.tolist())
    assert 10 < np.isinf(ranks).sum() < length - 10


def test_a_rank_is_a_place_in_the_recommended_list(model: Model) -> None:
    # GIVEN the engine's recommendations after each event
    session = np.random.default_rng(2).integers(0, MANY, 30).astype(np.int32)
    lists = [[ranked.index for ranked in model.top(hidden, (), MAX_TOP)] for hidden in states(model, session.tolist())]
    # WHEN the session is ranked
    ranks, shown = EngineRanker(model).rank(session).with_seen
    # THEN each target stands at its rank, and the items shown are the start of the list
    for rank, top, best, item in zip(ranks.tolist(), lists, shown.tolist(), session[1:].tolist(), strict=True):
        assert (top.index(item) + 1 if item in top else np.inf) == rank
        assert best == top[:CUTOFF]


@pytest.mark.parametrize(
    ("items", "distinct"),
    [(30, 30), (30, 5), (30, 1), (MAX_TOP, 1), (MAX_TOP + 1, 1), (MANY - 1, 1), (MANY, 1), (MANY, 2), (MANY, 9)],
)
def test_half_of_the_ties_count_wherever_the_list_ends(tmp_path: Path, items: int, distinct: int) -> None:
    # GIVEN many items with equal scores, some of them beyond the end of the list
    model = model_of(random_run(items, table=tied(items, distinct)), tmp_path)
    session = np.random.default_rng(3).integers(0, items, 25).astype(np.int32)
    # WHEN a session is ranked
    ranks, shown = EngineRanker(model).rank(session).with_seen
    # THEN the ranks are those of the whole catalogue, and of equal items the first ones are shown
    assert ranks.tolist() == expected(model, session.tolist())
    for hidden, best in zip(states(model, session.tolist()), shown, strict=True):
        assert best.tolist() == np.argsort(-all_scores(model, hidden), kind="stable")[:CUTOFF].tolist()


def test_items_that_all_tie_have_the_middle_rank(tmp_path: Path) -> None:
    # 240 items fill the kernel's strides: a remainder is computed by other instructions, which round differently.
    model = model_of(random_run(240, table=tied(240, 1)), tmp_path)
    ranks, _ = EngineRanker(model).rank(np.array([3, 239, 0], np.int32)).with_seen
    assert ranks.tolist() == [120.5, 120.5]


@pytest.mark.parametrize("items", [1, 2, CUTOFF - 1])
def test_the_list_of_a_small_catalogue_is_padded(tmp_path: Path, items: int) -> None:
    model = model_of(random_run(items), tmp_path)
    ranks, shown = EngineRanker(model).rank(np.array([0, items - 1, 0], np.int32)).with_seen
    assert ((ranks >= 1) & (ranks <= items)).all()
    assert sorted(shown[0, :items].tolist()) == list(range(items))
    assert (shown[:, items:] == NO_ITEM).all()


def without(scores: NDArray[np.float64], seen: list[int]) -> NDArray[np.float64]:
    """The scores with seen items below all others."""
    left = scores.copy()
    left[seen] = -np.inf
    return left


@pytest.mark.parametrize(
    ("items", "distinct", "length"),
    [
        (MANY, MANY, 60),
        (MANY, MANY, 150),
        (MANY, 9, 25),
        (MANY, 1, 25),
        (MANY, MANY, MANY - 5),
        (MAX_TOP + 1, MAX_TOP + 1, MAX_TOP),
        (30, 5, 25),
    ],
    ids=["untied", "beyond the window", "ties", "all tie", "most of the list is seen", "all but one are seen", "small"],
)
@pytest.mark.slow
def test_ranks_without_seen_items_are_those_of_all_others(
    tmp_path: Path, items: int, distinct: int, length: int
) -> None:
    # GIVEN a session, which returns to items where the catalogue is smaller
    model = model_of(random_run(items, table=tied(items, distinct)), tmp_path)
    session = np.random.default_rng(5).permutation(items)[np.arange(length) % items].astype(np.int32)
    session[2::20] = session[:-2:20][: len(session[2::20])]
    # WHEN it is ranked
    ranks, shown = EngineRanker(model).rank(session).without_seen
    # THEN each new target has its rank among the items that the session does not hold, as far as a list of 20 shows
    for step, hidden in enumerate(states(model, session.tolist())):
        seen, target = session[: step + 1].tolist(), int(session[step + 1])
        scores = without(all_scores(model, hidden), seen)
        expected_rank = float(ranks_of_targets(scores, target))
        if target in seen:
            assert np.isnan(ranks[step])
        elif expected_rank <= CUTOFF:
            assert ranks[step] == expected_rank
        else:
            assert ranks[step] > CUTOFF
        unseen = items - len(set(seen))
        best = np.argsort(-scores, kind="stable")[: min(CUTOFF, unseen)].tolist()
        assert shown[step].tolist() == best + [NO_ITEM] * (CUTOFF - len(best))
        # AND the list is the one that a request gets that excludes them
        served = [ranked.index for ranked in model.top(hidden, seen, CUTOFF)]
        assert served == best
    assert np.isnan(ranks).any()


def test_the_calibration_error_is_that_of_the_first_items_before_each_target(tmp_path: Path) -> None:
    # GIVEN a model with a calibration, and a session in which the cart of an item is no target
    plain = random_run(items=60)
    calibration = Calibration(temperature=2.0, level=1.0)
    run = msgspec.structs.replace(plain, record=msgspec.structs.replace(plain.record, calibration=calibration))
    model = model_of(run, tmp_path)
    ranker = EngineRanker(model, (VIEW, "cart"), keeps_scores=True)
    session, types = np.array([3, 3, 7, 11], np.int32), np.array([0, 1, 0, 0], np.int8)
    # WHEN it ranks
    ranker.rank(session, types)
    # THEN the error is that of the probabilities of the first items before 7 and 11
    listed = [model.top(hidden, (), CUTOFF) for hidden in states(model, session.tolist())[1:]]
    probabilities = np.exp([[item.score for item in top] for top in listed]).ravel()
    came = np.array([[item.index == target for item in top] for top, target in zip(listed, (7, 11), strict=True)])
    assert ranker.calibration_error() == pytest.approx(calibration_error(probabilities, came.ravel()), abs=1e-6)
    # AND a model without a calibration has none
    uncalibrated = EngineRanker(model_of(plain, tmp_path / "plain"), keeps_scores=True)
    uncalibrated.rank(session[1:])
    assert uncalibrated.calibration_error() is None
