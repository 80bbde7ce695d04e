"""Items that are not in the table: graphs that get their rows answer as if the table had them."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnxruntime import InferenceSession

from model_export.data.session_events import SessionEvents
from model_export.export.build_graphs import write_graphs
from model_export.export.onnx.parameters import Parameters, parameters_of
from model_export.export.schemes import Scheme
from model_export.export.schemes.fp32 import Fp32
from model_export.export.schemes.ivf import Ivf
from model_export.export.schemes.nbits import EightBit
from model_export.export.schemes.scan import Scan
from model_export.memory import BlendedMemory, Memory, MemoryConfig, build_index
from model_export.memory.blend import ages_of
from model_export.training.run_folder import MemoryRecord, Run
from model_export.training.torch_reference import torch_scores
from nextitem.model.manifest import SCORE_GRAPH, STEP_GRAPH
from tests.model_export.memory.memory_runs import BLEND, Shape, random_sessions
from tests.model_export.tiny import random_run

KNOWN, NEW = 50, 7
ALL = KNOWN + NEW
HIDDEN = 16

Floats = NDArray[np.float32]
Answer = tuple[list[int], list[float]]


class Graphs:
    """Both graphs of a run's first items; the rows of all further ones are given with each request."""

    def __init__(self, folder: Path, run: Run, scheme: Scheme, known: int = KNOWN) -> None:
        whole = parameters_of(run)
        memory = None if run.memory is None else _first_items(run.memory, known)
        parameters = Parameters(whole.table[:known], whole.layers, whole.normalised, whole.scale, memory=memory)
        write_graphs(folder, parameters, scheme, parameters.table[:100])
        self.parameters = whole
        self.new_rows = np.ascontiguousarray(whole.table[known:])
        self._step, self._score = (InferenceSession(str(folder / name)) for name in (STEP_GRAPH, SCORE_GRAPH))
        self._has_memory = memory is not None

    def state(self, session: NDArray[np.int32]) -> Floats:
        """The state after a session."""
        start = np.zeros((len(self.parameters.layers), 1, self.parameters.hidden), np.float32)
        feeds = {"items": session.astype(np.int64), "hidden": start, "new_rows": self.new_rows}
        return np.asarray(self._step.run(None, feeds)[0], np.float32)

    def top(
        self,
        state: Floats,
        k: int,
        *,
        only: list[int] = [],  # noqa: B006 - not changed
        exclude: list[int] = [],  # noqa: B006 - not changed
        unavailable: list[int] = [],  # noqa: B006 - not changed
        session: NDArray[np.int32] | None = None,
    ) -> Answer:
        """The best eligible items and their scores."""
        total = len(self.parameters.table)
        mask = np.zeros(total if unavailable else 0, np.bool_)
        mask[unavailable] = True
        feeds = {
            "hidden": state,
            "only": np.array(only, np.int64),
            "exclude": np.array(exclude, np.int64),
            "unavailable": mask,
            "k": np.array([k]),
            "new_rows": self.new_rows,
        }
        if self._has_memory:
            feeds["session"] = np.asarray(session, np.int64)
        scores, items = self._score.run(("scores", "items"), feeds)
        left = np.isfinite(scores)
        return items[left].tolist(), scores[left].tolist()


def _first_items(blended: BlendedMemory, known: int) -> BlendedMemory:
    """Drop the items behind the known ones, which no session of the memory has."""
    index = blended.memory.index
    cut = replace(index, item_starts=index.item_starts[: known + 1], item_rarity=index.item_rarity[:known])
    return BlendedMemory(Memory(cut, blended.memory.config), blended.blend)


@pytest.mark.parametrize("scheme", [Fp32(), EightBit()], ids=lambda scheme: scheme.name)
@pytest.mark.parametrize(("layers", "normalised"), [(1, True), (2, False)])
def test_new_items_are_scored_and_stepped_on_like_those_of_the_table(
    tmp_path: Path, scheme: Scheme, layers: int, normalised: bool
) -> None:
    # GIVEN a network of 57 items, and graphs whose table has the first 50
    run = random_run(ALL, HIDDEN, layers=layers, normalised=normalised)
    graphs = Graphs(tmp_path, run, scheme)
    # WHEN sessions of both kinds of items are scored, one that begins and ends with a new one
    sessions = [np.array(items, np.int32) for items in ([3, 52, 7], [ALL - 1], [KNOWN, 4, KNOWN - 1, KNOWN])]
    for session, expected in zip(sessions, torch_scores(run, [*map(SessionEvents.views, sessions)]), strict=True):
        items, scores = graphs.top(graphs.state(session), ALL)
        # THEN each item has the score that torch gives it
        assert sorted(items) == list(range(ALL))
        off = 1e-4 if isinstance(scheme, Fp32) else 0.02 * np.abs(expected).max()
        np.testing.assert_allclose(scores, expected[items], atol=off)


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Graphs:
    return Graphs(tmp_path_factory.mktemp("graphs"), random_run(ALL, HIDDEN), Fp32())


ITEMS = st.lists(st.integers(0, ALL - 1), max_size=ALL)


@settings(max_examples=60)
@given(only=ITEMS, exclude=ITEMS, unavailable=ITEMS, k=st.integers(1, ALL))
def test_lists_exclusions_and_masks_hold_for_new_items(
    graphs: Graphs, only: list[int], exclude: list[int], unavailable: list[int], k: int
) -> None:
    # GIVEN any lists of known and new items
    state = graphs.state(np.array([KNOWN + 2, 8], np.int32))
    exact = graphs.parameters.table @ graphs.parameters.scored(state[-1])[0]
    barred = {*exclude, *unavailable}
    eligible = [item for item in (sorted({*only}) or range(ALL)) if item not in barred]
    # WHEN the best are asked for
    items, scores = graphs.top(state, k, only=sorted({*only}), exclude=exclude, unavailable=unavailable)
    # THEN they are the best of numpy
    best = sorted(eligible, key=lambda item: -exact[item])[:k]
    assert items == best
    np.testing.assert_allclose(scores, exact[best], atol=1e-5)


def test_equal_new_items_come_in_their_order(tmp_path: Path) -> None:
    # GIVEN new items that all have the row of item 3
    run = random_run(ALL, HIDDEN)
    run.weights["table"][KNOWN:] = run.weights["table"][3]
    graphs = Graphs(tmp_path, run, Fp32(by_rows=True))
    state = graphs.state(np.array([3], np.int32))
    # WHEN they are ranked
    items, scores = graphs.top(state, ALL, only=[3, *range(KNOWN, ALL)])
    # THEN their scores are equal, and the lower index comes first
    assert (items, len(set(scores))) == ([3, *range(KNOWN, ALL)], 1)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", [Scan(40, 720), Ivf(7)], ids=lambda scheme: scheme.name)
def test_a_large_catalogue_gets_new_items_beside_its_best(tmp_path: Path, scheme: Scheme) -> None:
    # GIVEN 70,001 items of a few directions, and a 100 new ones of the same kind
    rng = np.random.default_rng(5)
    axes = rng.standard_normal((6, 32), np.float32)
    table = rng.standard_normal((70_101, 6), np.float32) @ axes
    run = random_run(70_101, 32, table=table)
    graphs = Graphs(tmp_path, run, scheme, known=70_001)
    shared = 0
    for seed in range(10):
        state = graphs.state(rng.integers(0, 70_101, 3).astype(np.int32))
        exact = graphs.parameters.table @ graphs.parameters.scored(state[-1])[0]
        # WHEN some of the best new items, and some known ones, are unavailable
        barred = [*rng.choice(70_001, 500, replace=False), 70_001 + seed]
        items, _ = graphs.top(state, 50, unavailable=barred)
        exact[barred] = -np.inf
        best = np.argsort(-exact)[:50].tolist()
        shared += len({*items} & {*best})
        # THEN the new ones of the exact best are among the answer, save at the end of it, where rounding decides
        assert {item for item in best[:45] if item > 70_000} <= {*items}
    # AND so are nearly all known ones
    assert shared >= 0.98 * 500


def test_a_session_memory_has_no_votes_for_new_items_but_they_are_revisited(tmp_path: Path) -> None:
    # GIVEN a memory of sessions without the new items
    known = random_sessions(Shape(items=KNOWN))
    sessions = replace(known, catalogue=tuple(f"item-{code:05}" for code in range(ALL)))
    config = MemoryConfig(neighbours=12, per_item=20, recalled=25)
    plain = random_run(ALL, HIDDEN)
    run = msgspec.structs.replace(
        plain,
        memory=BlendedMemory(Memory(build_index(sessions, config), config), BLEND),
        record=msgspec.structs.replace(plain.record, memory=MemoryRecord(config, BLEND)),
    )
    graphs = Graphs(tmp_path, run, Fp32())
    # WHEN sessions with new items are scored: the newest, an earlier one, twice
    visits = [[5, 3, KNOWN + 1], [KNOWN + 1, 5, 6], [7, KNOWN, 9, KNOWN], [KNOWN + 3], [1, 2, 3]]
    for session in (np.array(visit, np.int32) for visit in visits):
        items, scores = graphs.top(graphs.state(session), ALL, session=session)
        # THEN the votes are those of the known events, as if the others were unknown, and all may be revisited
        assert sorted(items) == list(range(ALL))
        assert run.memory is not None
        votes, ages = np.zeros(ALL, np.float32), ages_of(np.arange(ALL), session)
        recalled, of_recalled = run.memory.memory.votes(session[session < KNOWN])
        votes[recalled] = of_recalled
        (network,) = torch_scores(msgspec.structs.replace(run, memory=None), [SessionEvents.views(session)])
        expected = BLEND.scores(network, votes, ages, np.asarray(len(session)))
        np.testing.assert_allclose(scores, expected[items], atol=1e-4)
