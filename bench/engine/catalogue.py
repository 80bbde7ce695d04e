"""Catalogues of any size with the distribution of a trained model, for what cannot be trained here.

Each item is a copy of a trained item, popular ones copied more often, moved by half its length in a direction drawn
from the trained table's own covariance: clusters, a popularity bias, and the spectrum that truncation lives on. The
trained model is a given run, or one that is trained here on the shop simulator's sessions.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from model_export.data.ingestion.reader import read_sessions
from model_export.export.graph_runner import GraphRunner
from model_export.export.measure_loss import states_of
from model_export.export.onnx.parameters import Parameters, parameters_of
from model_export.export.onnx_graphs import write_graphs
from model_export.export.schemes.fp32 import Fp32
from model_export.simulator import Shop
from model_export.simulator.files import write_events
from model_export.training.config import FitConfig
from model_export.training.run_folder import Run, read_run
from model_export.training.run_training import train

Floats = NDArray[np.float32]

RUNS = Path(".build/bench")
PRODUCTS, SESSIONS, EPOCHS = 4000, 20_000, 5
MOVED = 0.5
CHUNK = 1 << 18
STATES = 1500


@dataclass(frozen=True)
class Catalogue:
    """A network over a made-up catalogue, its table mapped from a file, and states of real sessions' ends.

    Attributes:
        parameters: the network.
        states: float32[n, layers, 1, hidden] hidden states after events of held-out sessions.
    """

    parameters: Parameters
    states: Floats


class Silent:
    """Watches a training and says nothing."""

    def batch(self, stage: str, epoch: int, done: int, total: int) -> None:
        """See `Watcher`."""

    def epoch(self, stage: str, epoch: object) -> None:
        """See `Watcher`."""

    def blend(self, accuracy: object) -> None:
        """See `Watcher`."""


def trained(hidden: int) -> Path:
    """Return the folder of a run of a hidden size, trained on the shop simulator's sessions the first time."""
    home = RUNS / f"run-{hidden}"
    if not home.exists():
        with TemporaryDirectory() as folder:
            events = Path(folder, "events.csv")
            write_events(events, Shop(seed=7, products=PRODUCTS).sessions(SESSIONS, seed=1))
            train(read_sessions(events), FitConfig(hidden=hidden, epochs=EPOCHS), home, Silent())
    return home


def catalogue(folder: Path, run_folder: Path, items: int) -> Catalogue:
    """Make a catalogue.

    Args:
        folder: where its table's file is written.
        run_folder: the trained run.
        items: size of the catalogue.
    """
    run = read_run(run_folder)
    parameters = parameters_of(run)
    states = _states(folder, parameters, run)
    table = np.memmap(folder / "table.bin", np.float32, "w+", shape=(items, parameters.hidden))
    _fill(table, parameters, run)
    return Catalogue(replace(parameters, table=table), states)


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


def exact_best(table: Floats, states: Floats, top: int) -> NDArray[np.int64]:
    """Return the best items of some states, int64[n, top], in float32 and some rows at a time."""
    step = CHUNK // 8  # the scores of all states are held
    scores = np.full((len(states), top), -np.inf, np.float32)
    items = np.zeros((len(states), top), np.int64)
    for at in range(0, len(table), step):
        found = states @ np.asarray(table[at : at + step]).T
        few = np.argpartition(-found, min(top, found.shape[1]) - 1, axis=1)[:, :top]
        scores = np.concatenate([scores, np.take_along_axis(found, few, axis=1)], axis=1)
        items = np.concatenate([items, few + at], axis=1)
        kept = np.argsort(-scores, axis=1)[:, :top]
        scores, items = np.take_along_axis(scores, kept, axis=1), np.take_along_axis(items, kept, axis=1)
    return items
