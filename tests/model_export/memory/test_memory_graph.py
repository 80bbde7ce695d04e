"""The score graph with a session memory: the scores of numpy, lists, exclusions and ties."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from onnxruntime import InferenceSession

from model_export.data.session_events import SessionEvents
from model_export.export.build_graphs import write_graphs
from model_export.export.graph_runner import GraphRunner
from model_export.export.measure_loss import parity
from model_export.export.onnx.parameters import parameters_of
from model_export.export.schemes import SCHEMES, Scheme
from model_export.export.schemes.fp32 import Fp32
from model_export.memory import Blend, Gate, MemoryConfig
from model_export.training.run_folder import Run
from model_export.training.torch_reference import torch_scores
from nextitem.model.manifest import SCORE_GRAPH
from tests.model_export.memory.memory_runs import BLEND, Shape, with_memory

HIDDEN = 16
NOTHING: list[int] = []
VOTES_DECIDE = Blend(Gate(60.0), repeat_votes=0.5)
"""The votes outweigh any network score."""


class Scorer:
    """The score graph of a run, with all its inputs."""

    def __init__(self, folder: Path, run: Run, scheme: Scheme) -> None:
        parameters = parameters_of(run)
        write_graphs(folder, parameters, scheme, parameters.table[:100])
        self.graphs = GraphRunner(folder, run.record.layers, run.record.hidden, run.record.items)
        self._score = InferenceSession(str(folder / SCORE_GRAPH))
        self._no_rows = np.empty((0, run.record.hidden), np.float32)

    def top(
        self, session: NDArray[np.int32], k: int, only: list[int] = NOTHING, exclude: list[int] = NOTHING
    ) -> tuple[list[int], list[float]]:
        """The best items after a session, and their scores."""
        feeds = {
            "hidden": self.graphs.step(self.graphs.start(), SessionEvents.views(session)),
            "session": session.astype(np.int64),
            "only": np.array(only, np.int64),
            "exclude": np.array(exclude, np.int64),
            "unavailable": np.empty(0, np.bool_),
            "k": np.array([k], np.int64),
            "new_rows": self._no_rows,
        }
        scores, items = self._score.run(("scores", "items"), feeds)
        return items.tolist(), scores.tolist()


@pytest.mark.parametrize(
    "config",
    [
        MemoryConfig(neighbours=12, per_item=20, recalled=25),
        MemoryConfig(),
        MemoryConfig(per_item=5000),
        MemoryConfig(events=1, neighbours=1),
        MemoryConfig(sessions=5, session_events=3, per_item=2, recalled=1),
    ],
)
@pytest.mark.parametrize("shape", [Shape(), Shape(items=8, sessions=60), Shape(items=300, sessions=3)])
def test_the_graph_scores_like_numpy(tmp_path: Path, config: MemoryConfig, shape: Shape) -> None:
    # GIVEN a memory, and sessions of all lengths
    run = with_memory(shape, config)
    rng = np.random.default_rng(4)
    items = [rng.integers(0, shape.items, length).astype(np.int32) for length in (1, 2, 3, 7, 11, 30, 64)]
    sessions = [SessionEvents.views(session) for session in items]
    # WHEN torch and numpy score them, and the graph does
    reference = torch_scores(run, sessions)
    scorer = Scorer(tmp_path, run, Fp32())
    # THEN they agree
    assert parity(scorer.graphs, zip(sessions, reference, strict=True)) <= 1e-4
    # AND the network alone scores differently
    network = scorer.graphs.scores(scorer.graphs.step(scorer.graphs.start(), sessions[2]))
    assert np.abs(network - reference[2]).max() > 0.5


def test_an_empty_session_gets_the_scores_of_the_network(tmp_path: Path) -> None:
    # the input of the graph where the log holds no known item
    run = with_memory()
    scorer = Scorer(tmp_path, run, Fp32())
    state = scorer.graphs.step(scorer.graphs.start(), SessionEvents.views(np.array([3], np.int32)))
    rows = parameters_of(run)
    expected = rows.scored(state[-1]) @ rows.table.T * BLEND.scale
    assert np.abs(scorer.graphs.scores(state) - expected[0]).max() <= 1e-4


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_every_scheme_ranks_recalled_items(tmp_path: Path, scheme: Scheme) -> None:
    # GIVEN a catalogue much longer than a shortlist, and votes that outweigh the network
    shape = Shape(items=3000, sessions=4000)
    run = with_memory(shape, MemoryConfig(), hidden=160, blend=VOTES_DECIDE)
    assert run.memory is not None
    scorer = Scorer(tmp_path, run, scheme)
    for session in (np.array(items, np.int32) for items in ([5], [17, 4, 17], list(range(40, 60)))):
        recalled, votes = run.memory.memory.votes(session)
        kept = votes * np.where(recalled == session[-1], run.memory.blend.repeat_votes, 1.0)
        # WHEN the best items are requested
        items, scores = scorer.top(session, 5)
        # THEN they have the most votes, whatever their network score
        level = np.sort(kept)[::-1][: len(items)]
        assert np.allclose([kept[recalled.tolist().index(item)] for item in items], level, rtol=1e-5)
        assert scores == sorted(scores, reverse=True)
        # AND a longer answer begins with the shorter one, without repetitions
        longer, _ = scorer.top(session, 150)
        assert longer[:5] == items
        assert len(set(longer)) == 150
        # AND a list is ranked by the same scores
        listed, listed_scores = scorer.top(session, 5, only=sorted([*items, 2999, 2998]))
        assert listed == items
        assert np.allclose(listed_scores, scores, atol=0.05)
        # AND the next items replace excluded ones
        left, _ = scorer.top(session, 3, exclude=items[:2])
        assert left == items[2:]


def test_of_equal_scores_the_lower_index_comes_first(tmp_path: Path) -> None:
    # GIVEN a network that scores all items the same, and a memory that recalls some of them
    shape = Shape(items=90, sessions=30)
    run = with_memory(shape, table=np.ones((90, HIDDEN), np.float32))
    scorer = Scorer(tmp_path, run, Fp32())
    # WHEN all are ranked
    items, scores = scorer.top(np.array([4, 8], np.int32), 90)
    # THEN they are sorted by score, then by index
    order = sorted(zip([-score for score in scores], items, strict=True))
    assert [item for _, item in order] == items
    assert len(set(scores)) > 2
