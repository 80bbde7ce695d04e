"""Catalogues of any size with the distribution of a trained model, for sizes that are too slow to train.

Each item is a copy of a trained item, moved by half its length in a direction drawn from the covariance of the trained
table; popular items have more copies. So the catalogue has clusters, a popularity bias, and the spectrum that
truncation depends on.

The trained items' session memory cannot be copied with them: no session has the copies. A catalogue is therefore the
network alone, and `bench.engine.session_memory` measures the cost of a memory.
"""

from argparse import ArgumentParser
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

import model_export
from bench.common.cache import cached, digest_of
from bench.common.options import benchmark_parser
from bench.common.watcher import SilentWatcher
from model_export.data.ingestion.reader import read_sessions
from model_export.export.build_graphs import write_graphs
from model_export.export.graph_runner import GraphRunner
from model_export.export.measure_loss import states_of
from model_export.export.onnx.parameters import Parameters, parameters_of
from model_export.export.schemes.fp32 import Fp32
from model_export.simulator import Shop
from model_export.simulator.files import write_events
from model_export.training.config import FitConfig
from model_export.training.defaults import NETWORKS
from model_export.training.run_folder import Run, read_run
from model_export.training.run_training import train

Floats = NDArray[np.float32]

PRODUCTS, SESSIONS, EPOCHS = 4000, 20_000, 5
TRAINING = ("data", "interruption", "memory", "metrics", "profile", "progress", "simulator", "tracking", "training")
"""The packages and modules of `model_export` that make a run."""
MOVED = 0.5
CHUNK = 1 << 18
STATES = 1500


@dataclass(frozen=True)
class Catalogue:
    """A network over a synthetic catalogue, its table mapped from a file, and hidden states of real sessions.

    Attributes:
        parameters: the network.
        states: float32[n, layers, 1, hidden] hidden states after events of held-out sessions. The first half is for
            calibration, the second for queries.
    """

    parameters: Parameters
    states: Floats

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Layers, hidden size and number of items."""
        items, hidden = self.parameters.table.shape
        return len(self.parameters.layers), hidden, items

    @property
    def calibration(self) -> Floats:
        """The vectors that score items, of the states for calibration."""
        return self.parameters.scored(self.states[: len(self.states) // 2])

    @property
    def queries(self) -> Floats:
        """The states for queries."""
        return self.states[len(self.states) // 2 :]

    def engine_states(self, count: int | None = None) -> list[Floats]:
        """Return the states for queries as the engine takes them, float32[layers, 1, hidden]; at most `count`."""
        layers, hidden, _ = self.sizes
        return [np.ascontiguousarray(np.broadcast_to(state, (layers, 1, hidden))) for state in self.queries[:count]]


def catalogue_parser(description: str | None, *, hidden: int = 256) -> ArgumentParser:
    """Return a benchmark's parser with the options of a catalogue and of the run that it copies."""
    parser = benchmark_parser(description)
    parser.add_argument(
        "--catalogue", type=int, default=40_000, metavar="ITEMS", help="items of the catalogue (default: %(default)s)"
    )
    parser.add_argument("--hidden", type=int, default=hidden, help="hidden size of the model (default: %(default)s)")
    parser.add_argument("--trained-on", type=int, default=SESSIONS, metavar="SESSIONS", help="of the copied model")
    return parser


def trained_run(hidden: int, sessions: int = SESSIONS) -> Path:
    """Return the folder of a run of a hidden size, with the default settings but without a session memory.

    It is trained on sessions of the shop simulator if there is no run of these settings, sessions and sources.
    """
    config = FitConfig(hidden=hidden // NETWORKS, networks=NETWORKS, epochs=EPOCHS, memory_sessions=0)
    root = Path(model_export.__path__[0])
    sources = [path for name in TRAINING for path in (root / name, root / f"{name}.py") if path.exists()]
    made_from = {
        "settings": config.values(),
        "products": PRODUCTS,
        "sessions": sessions,
        "sources": digest_of(sources),
        "torch": version("torch"),
    }

    def make(folder: Path) -> None:
        with TemporaryDirectory() as scratch:
            events = Path(scratch, "events.csv")
            write_events(events, Shop(seed=7, products=PRODUCTS).sessions(sessions, seed=1))
            train(read_sessions(events), config, folder / "run", SilentWatcher())

    return cached(f"run-{hidden}", made_from, make) / "run"


def make_catalogue(folder: Path, run_folder: Path, items: int) -> Catalogue:
    """Make a catalogue.

    Args:
        folder: for the file of its table.
        run_folder: the trained run; its session memory, if it has one, is left out.
        items: size of the catalogue.
    """
    run = read_run(run_folder)
    parameters = parameters_of(run)
    states = _states(folder, parameters, run)
    table = np.memmap(folder / "table.bin", np.float32, "w+", shape=(items, parameters.hidden))
    _fill(table, parameters, run)
    return Catalogue(replace(parameters, table=table, memory=None), states)


def _fill(table: Floats, parameters: Parameters, run: Run) -> None:
    base = parameters.table
    shares = np.full(len(base), min((item.share for item in run.record.popular), default=1.0) / 2)
    for item in run.record.popular:
        shares[item.index] = item.share
    weights = np.sqrt(shares) / np.sqrt(shares).sum()
    centred = base - base.mean(axis=0)
    spread = np.linalg.cholesky(centred.T @ centred / len(base) + 1e-9 * np.eye(base.shape[1])).astype(np.float32)
    spread *= MOVED / np.sqrt((spread**2).sum())
    rng = np.random.default_rng(1)
    for at in range(0, len(table), CHUNK):
        size = min(CHUNK, len(table) - at)
        chosen = base[rng.choice(len(base), size, p=weights)]
        lengths = np.linalg.norm(chosen, axis=1, keepdims=True)
        rows = chosen + lengths * (rng.standard_normal((size, base.shape[1]), np.float32) @ spread.T)
        if parameters.normalised:
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        table[at : at + size] = rows


def _states(folder: Path, parameters: Parameters, run: Run) -> Floats:
    home = folder / "trained"
    home.mkdir()
    write_graphs(home, parameters, Fp32(), parameters.table[:1])
    items, hidden = parameters.table.shape
    graphs = GraphRunner(home, len(parameters.layers), hidden, items)
    sessions = [session for session in run.held_out if len(session) > 1]
    states = states_of(graphs, sessions)[:STATES]
    return np.random.default_rng(0).permutation(states)


def exact_top(table: Floats, states: Floats, top: int) -> NDArray[np.int64]:
    """Return the exact best items of some states, int64[n, top], computed in float32 in chunks of the table."""
    step = CHUNK // 8  # the scores of a chunk for all states are in memory
    scores = np.full((len(states), top), -np.inf, np.float32)
    items = np.zeros((len(states), top), np.int64)
    for at in range(0, len(table), step):
        chunk_scores = states @ np.asarray(table[at : at + step]).T
        few = np.argpartition(-chunk_scores, min(top, chunk_scores.shape[1]) - 1, axis=1)[:, :top]
        scores = np.concatenate([scores, np.take_along_axis(chunk_scores, few, axis=1)], axis=1)
        items = np.concatenate([items, few + at], axis=1)
        kept = np.argsort(-scores, axis=1)[:, :top]
        scores, items = np.take_along_axis(scores, kept, axis=1), np.take_along_axis(items, kept, axis=1)
    return items
