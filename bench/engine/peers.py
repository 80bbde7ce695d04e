"""Other libraries for `bench.engine.latency`: torch, torch.compile, faiss and hnswlib.

Each runs on one thread with the same float32 table, up to a size that is sensible for it. faiss (exact inner products,
and 4-bit codes with shuffle tables, whose best are scored exactly) and hnswlib (an approximate graph) only search; ONNX
Runtime steps the state before, as it does for our schemes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray

from bench.engine.catalogue import Catalogue
from model_export.data.session_events import SessionEvents
from model_export.export.graph_runner import GraphRunner
from model_export.training.network import Network, NetworkConfig

SESSION = 10
"""Events that a service without session state replays for each request."""
LARGEST_FLOAT = 1 << 30
"""Maximum weights of a float32 table for peers: 4 GB."""
LARGEST_GRAPH = 100_000
"""Maximum items for hnswlib: its graph of a million items takes an hour."""
LINKS, BUILD_WIDTH, SEARCH_WIDTH = 16, 100, 200
"""hnswlib's M, ef_construction and ef."""
WEIGHTS_OF_CODE = 4
"""Dimensions that a 4-bit code of faiss stands for."""
CODE_SAMPLE = 40_000
"""Items that train the codes."""
RESCORED = 40
"""Items of 100,000 that faiss scores exactly for each item of the answer; the number grows with the square root."""

Floats = NDArray[np.float32]
Request = Callable[[], object]
Search = Callable[[Floats], NDArray[np.int64]]


@dataclass(frozen=True)
class Peer:
    """A contender: one request, and its items for each query; None if its search is exact."""

    request: Request
    items: Sequence[Sequence[int]] | None = None


def make_peers(
    catalogue: Catalogue, stepper: GraphRunner, states: list[Floats], top: int
) -> tuple[dict[str, Peer], dict[str, str]]:
    """Return the available peers by name, and the reasons against the others.

    Args:
        catalogue: the catalogue.
        stepper: graphs that step the state before each search.
        states: hidden states to search for, float32[layers, 1, hidden] each.
        top: number of items to search.
    """
    items, hidden = catalogue.parameters.table.shape
    if items * hidden > LARGEST_FLOAT:
        reason = f"its table would take another {items * hidden * 4 / 1e9:.1f} GB of memory"
        return {}, dict.fromkeys(("torch_eager", "torch_compile", "faiss_flat", "faiss_fastscan", "hnswlib"), reason)
    peers = {
        "torch_eager": Peer(torch_request(catalogue, top)),
        "torch_compile": Peer(torch_request(catalogue, top, compiled=True)),
    }
    skipped = {}
    table = np.ascontiguousarray(catalogue.parameters.table)
    scored = [np.ascontiguousarray(catalogue.parameters.scored(state[-1])) for state in states]
    for name, module, refused, build in (
        ("faiss_flat", "faiss", "", _faiss),
        ("faiss_fastscan", "faiss", "", _fastscan),
        (
            "hnswlib",
            "hnswlib",
            items > LARGEST_GRAPH and f"its graph is built for at most {LARGEST_GRAPH:,} items",
            _hnsw,
        ),
    ):
        if not find_spec(module):
            skipped[name] = "not installed: run `make bench-peers`"
        elif refused:
            skipped[name] = refused
        else:
            search = build(table, top)
            request = _request(stepper, states, scored, search, items)
            peers[name] = Peer(request, [search(state).tolist() for state in scored])
    return peers, skipped


def torch_request(catalogue: Catalogue, top: int, *, compiled: bool = False) -> Request:
    """Return torch's request: replay a session of `SESSION` events and rank all items."""
    parameters = catalogue.parameters
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


def _fastscan(table: Floats, top: int) -> Search:
    import faiss

    faiss.omp_set_num_threads(1)
    codes = faiss.IndexPQFastScan(table.shape[1], table.shape[1] // WEIGHTS_OF_CODE, 4, faiss.METRIC_INNER_PRODUCT)
    codes.train(table[:: -(-len(table) // CODE_SAMPLE)])
    codes.add(table)
    rows = faiss.IndexFlatIP(table.shape[1])
    rows.add(table)
    index = faiss.IndexRefine(codes, rows)
    index.k_factor = RESCORED * (len(table) / LARGEST_GRAPH) ** 0.5
    return lambda state: np.asarray(index.search(state, top)[1][0], np.int64)


def _hnsw(table: Floats, top: int) -> Search:
    import hnswlib

    index = hnswlib.Index(space="ip", dim=table.shape[1])
    index.init_index(max_elements=len(table), ef_construction=BUILD_WIDTH, M=LINKS, random_seed=1)
    index.add_items(table, num_threads=2)
    index.set_ef(SEARCH_WIDTH)
    return lambda state: np.asarray(index.knn_query(state, k=top, num_threads=1)[0][0], np.int64)


def _request(stepper: GraphRunner, states: list[Floats], scored: list[Floats], search: Search, items: int) -> Request:
    items_clicked = np.random.default_rng(2).integers(0, items, (len(states), 1)).astype(np.int32)
    clicked = [SessionEvents.views(row) for row in items_clicked]
    turn = 0

    def run() -> object:
        nonlocal turn
        turn = (turn + 1) % len(states)
        stepper.step(states[turn], clicked[turn])
        return search(scored[turn])

    return run
