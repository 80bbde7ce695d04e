"""The ways that others take to the best items, for `bench.engine.latency`: torch, torch.compile, faiss and hnswlib.

Each on one thread, from the same float32 table, and each refused where it is out of place. faiss (exact inner products)
and hnswlib (an approximate graph) only search; the state before it is stepped by ONNX Runtime, as ours is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray

from bench.engine.catalogue import Catalogue
from model_export.export.graph_runner import GraphRunner
from model_export.training.network import Network, NetworkConfig

SESSION = 10
"""Events that a service without session state replays."""
LARGEST_FLOAT = 1 << 30
"""Weights beyond which float32 tables for peers are not made: 4 GB."""
LARGEST_GRAPH = 100_000
"""Items beyond which hnswlib's graph is not built: an hour at a million."""
LINKS, BUILD_WIDTH, SEARCH_WIDTH = 16, 100, 200
"""hnswlib's M, ef_construction and ef."""

Floats = NDArray[np.float32]
Request = Callable[[], object]
Search = Callable[[Floats], NDArray[np.int64]]


@dataclass(frozen=True)
class Peer:
    """A contender: one request, and the items that it finds for each of some scored states (None: exact ones)."""

    request: Request
    found: Sequence[Sequence[int]] | None = None


def peers(
    made: Catalogue, stepper: GraphRunner, states: list[Floats], top: int
) -> tuple[dict[str, Peer], dict[str, str]]:
    """Return the peers that there are, by name, and why others are not.

    Args:
        made: the catalogue.
        stepper: graphs whose step goes before a search.
        states: hidden states to search for, float32[layers, 1, hidden] each.
        top: how many items are searched.
    """
    items, hidden = made.parameters.table.shape
    if items * hidden > LARGEST_FLOAT:
        why = f"its table would take {items * hidden * 4 / 1e9:.1f} GB of memory besides"
        return {}, dict.fromkeys(("torch_eager", "torch_compile", "faiss_flat", "hnswlib"), why)
    found = {
        "torch_eager": Peer(torch_request(made, top)),
        "torch_compile": Peer(torch_request(made, top, compiled=True)),
    }
    skipped = {}
    table = np.ascontiguousarray(made.parameters.table)
    scored = [np.ascontiguousarray(made.parameters.scored(state[-1])) for state in states]
    for name, module, refused, build in (
        ("faiss_flat", "faiss", "", _faiss),
        ("hnswlib", "hnswlib", items > LARGEST_GRAPH and f"its graph is built up to {LARGEST_GRAPH:,} items", _hnsw),
    ):
        if not find_spec(module):
            skipped[name] = "not installed: `make bench-peers`"
        elif refused:
            skipped[name] = refused
        else:
            search = build(table, top)
            request = _request(stepper, states, scored, search, items)
            found[name] = Peer(request, [search(state).tolist() for state in scored])
    return found, skipped


def torch_request(made: Catalogue, top: int, *, compiled: bool = False) -> Request:
    """Return torch's request: a session of `SESSION` events, replayed, and the best of all items."""
    parameters = made.parameters
    items, hidden = parameters.table.shape
    network = Network(NetworkConfig(items, hidden, len(parameters.layers), parameters.normalised, dropout=0.0)).eval()
    rows = torch.from_numpy(np.array(parameters.table))
    events = torch.arange(SESSION)[None] * (items // SESSION)

    def best(events: torch.Tensor, rows: torch.Tensor) -> object:
        return torch.topk(network.scores(network(events, rows)[:, -1], rows), top)

    answer = torch.compile(best) if compiled else best

    def run() -> object:
        with torch.inference_mode():
            return answer(events, rows)

    return run


def _faiss(table: Floats, top: int) -> Search:
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(table.shape[1])
    index.add(table)
    return lambda state: np.asarray(index.search(state, top)[1][0], np.int64)


def _hnsw(table: Floats, top: int) -> Search:
    import hnswlib

    index = hnswlib.Index(space="ip", dim=table.shape[1])
    index.init_index(max_elements=len(table), ef_construction=BUILD_WIDTH, M=LINKS, random_seed=1)
    index.add_items(table, num_threads=2)
    index.set_ef(SEARCH_WIDTH)
    return lambda state: np.asarray(index.knn_query(state, k=top, num_threads=1)[0][0], np.int64)


def _request(stepper: GraphRunner, states: list[Floats], scored: list[Floats], search: Search, items: int) -> Request:
    clicked = np.random.default_rng(2).integers(0, items, (len(states), 1)).astype(np.int32)
    turn = 0

    def run() -> object:
        nonlocal turn
        turn = (turn + 1) % len(states)
        stepper.step(states[turn], clicked[turn])
        return search(scored[turn])

    return run
