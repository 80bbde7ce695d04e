"""The ranker of the serving engine: the protocol's ranks, by what a visitor would be shown."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from model_export.evaluation.engine_ranker import EngineRanker
from model_export.metrics.protocol import NO_ITEM, top_codes
from model_export.metrics.ranking import CUTOFF, ranks_of_targets
from nextitem.hidden_state import HiddenState
from nextitem.model.engine import Model
from nextitem.model.manifest import MAX_TOP
from nextitem.sessions.codec import CHAIN_BYTES, decode_snapshot, encode_snapshot
from nextitem.sessions.session import Snapshot
from tests.model_export.tiny import model_of, random_run, random_weights

MANY = 2 * MAX_TOP


def states(model: Model, session: list[int]) -> list[HiddenState]:
    """The hidden state after each event but the last, kept between two events as the store keeps it."""
    hidden: HiddenState | None = None
    found = []
    for item in session[:-1]:
        stepped = model.replay(hidden, [item])
        hidden = decode_snapshot(encode_snapshot(Snapshot(bytes(CHAIN_BYTES), stepped))).hidden
        found.append(hidden)
    return found


def all_scores(model: Model, hidden: HiddenState) -> NDArray[np.float64]:
    """The engine's score of every item."""
    scores = np.full(len(model.vocabulary), np.nan)
    for one in model.top(hidden, (), len(model.vocabulary)):
        scores[one.index] = one.score
    return scores


def expected(model: Model, session: list[int]) -> list[float]:
    """The protocol's rank over all scores, cut at the largest k that is ever served."""
    ranks = [
        float(ranks_of_targets(all_scores(model, hidden), item))
        for hidden, item in zip(states(model, session), session[1:], strict=True)
    ]
    return [rank if rank <= MAX_TOP else np.inf for rank in ranks]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return model_of(random_run(items=MANY, layers=2), tmp_path_factory.mktemp("out"))


def tied(items: int, distinct: int) -> NDArray[np.float32]:
    """A table in which each row stands many times, so that as many items tie."""
    return np.resize(random_weights(distinct, 16, 1)["table"], (items, 16))


def test_ranks_are_those_of_the_whole_catalogue(model: Model) -> None:
    # GIVEN a catalogue twice as long as the longest top list, and a session of many items
    session = np.random.default_rng(1).integers(0, MANY, 60).astype(np.int32)
    # WHEN it is ranked
    ranks, _ = EngineRanker(model).ranks(session)
    # THEN each rank is the protocol's up to the longest top list, and infinity beyond
    assert ranks.tolist() == expected(model, session.tolist())
    assert 10 < np.isinf(ranks).sum() < 50


def test_a_rank_is_a_place_in_what_is_recommended(model: Model) -> None:
    # GIVEN what the engine recommends after each event
    session = np.random.default_rng(2).integers(0, MANY, 30).astype(np.int32)
    lists = [[one.index for one in model.top(hidden, (), MAX_TOP)] for hidden in states(model, session.tolist())]
    # WHEN the session is ranked
    ranks, shown = EngineRanker(model).ranks(session)
    # THEN each next item stands where its rank says, and what counts as shown is the beginning of the list
    for rank, top, best, item in zip(ranks.tolist(), lists, shown.tolist(), session[1:].tolist(), strict=True):
        assert (top.index(item) + 1 if item in top else np.inf) == rank
        assert best == top[:CUTOFF]


@pytest.mark.parametrize(
    ("items", "distinct"),
    [(30, 30), (30, 5), (30, 1), (MAX_TOP, 1), (MAX_TOP + 1, 1), (MANY - 1, 1), (MANY, 1), (MANY, 2), (MANY, 9)],
)
def test_ties_count_half_wherever_the_list_ends(tmp_path: Path, items: int, distinct: int) -> None:
    # GIVEN items of which many always score the same, some of them beyond the end of the top list
    model = model_of(random_run(items, table=tied(items, distinct)), tmp_path)
    session = np.random.default_rng(3).integers(0, items, 25).astype(np.int32)
    # WHEN a session is ranked
    ranks, shown = EngineRanker(model).ranks(session)
    # THEN each rank is 1 + those better + half of those equal, none of them forgotten
    assert ranks.tolist() == expected(model, session.tolist())
    # AND of equal items the first of the catalogue are shown
    for hidden, best in zip(states(model, session.tolist()), shown, strict=True):
        assert best.tolist() == top_codes(all_scores(model, hidden)).tolist()


def test_all_alike_is_the_middle(tmp_path: Path) -> None:
    # GIVEN items that all score the same; as many as a kernel takes in whole strides, for its last few items come
    # from other instructions, which round otherwise
    model = model_of(random_run(240, table=tied(240, 1)), tmp_path)
    # WHEN a session is ranked
    ranks, _ = EngineRanker(model).ranks(np.array([3, 239, 0], np.int32))
    # THEN every rank is 1 + half of the 239 others
    assert ranks.tolist() == [120.5, 120.5]


@pytest.mark.parametrize("items", [1, 2, CUTOFF - 1])
def test_a_short_catalogue_is_filled_up(tmp_path: Path, items: int) -> None:
    # GIVEN fewer items than a list of shown ones holds
    model = model_of(random_run(items), tmp_path)
    # WHEN a session is ranked
    ranks, shown = EngineRanker(model).ranks(np.array([0, items - 1, 0], np.int32))
    # THEN all are ranked, and the rest of the list is no item
    assert ((ranks >= 1) & (ranks <= items)).all()
    assert sorted(shown[0, :items].tolist()) == list(range(items))
    assert (shown[:, items:] == NO_ITEM).all()


def test_a_session_longer_than_a_log_is_stepped_to_its_end(model: Model) -> None:
    # GIVEN a session of more events than any log keeps
    session = np.random.default_rng(4).integers(0, MANY, 150).astype(np.int32)
    # WHEN it is ranked
    ranks, _ = EngineRanker(model).ranks(session)
    # THEN each step follows from the snapshot before it, as in the service
    assert ranks.tolist() == expected(model, session.tolist())
