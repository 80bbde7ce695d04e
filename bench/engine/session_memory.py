"""What a session memory costs a request: step, score and recall on one core, beside the network alone, interleaved.

    python -m bench.engine.session_memory [--catalogue 40000 --hidden 128 --sessions 20000 200000 --scheme 8-bit
    --json FILE]

Catalogue and network are `bench.engine.latency`'s. The sessions are drawn here: lengths as in shops (half of them
have two or three events), items by popularity (Zipf), so that an item's list of sessions is as long as a real one's.
"""

import argparse
import itertools
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.common.results import write_json
from bench.common.timing import interleaved
from bench.engine.catalogue import Catalogue, catalogue, trained
from bench.engine.latency import TOP
from model_export.data.sessions import Sessions
from model_export.export.choose_scheme import find_scheme
from model_export.export.graph_runner import GraphRunner
from model_export.export.onnx_graphs import write_graphs
from model_export.memory import Blend, BlendedMemory, Memory, MemoryConfig, build_index

ASKED = 200
MEAN_EVENTS, MOST_EVENTS = 5.0, 50
ZIPF = 0.8
"""An item's popularity falls by its rank to this power."""
ALONE = "network alone"


@dataclass(frozen=True)
class Row:
    """One model: its milliseconds for a request inside the engine, and the size of its weights."""

    model: str
    p50_ms: float
    p99_ms: float
    weights_mb: float


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalogue", type=int, default=40_000, metavar="ITEMS")
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--sessions", type=int, nargs="+", default=[20_000, 200_000], help="that the memory keeps")
    parser.add_argument("--scheme", default="8-bit")
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        made = catalogue(Path(folder), trained(given.hidden), given.catalogue)
        models: dict[str, BlendedMemory | None] = {ALONE: None}
        for count in track(given.sessions, "Drawing sessions"):
            models[f"{count:,} sessions"] = _memory(given.catalogue, count)
        sizes, requests = {}, {}
        for number, (name, memory) in enumerate(models.items()):
            home = Path(folder, str(number))
            home.mkdir()
            requests[name] = _request(made, memory, home, given.scheme)
            sizes[name] = sum(path.stat().st_size for path in home.iterdir()) / 1e6
        timed = interleaved(requests, given.rounds)
    rows = [Row(name, one.median, one.p99, round(sizes[name], 1)) for name, one in timed.items()]
    table = Table("", "p50 ms", "p99 ms", "MB", title=f"{given.catalogue:,} items x {given.hidden}, {given.scheme}")
    for row in rows:
        table.add_row(row.model, f"{row.p50_ms:.3f}", f"{row.p99_ms:.3f}", f"{row.weights_mb:.1f}")
    Console(width=100).print(table)
    if given.json:
        document = {"catalogue": given.catalogue, "hidden": given.hidden, "scheme": given.scheme}
        write_json({**document, "rows": [asdict(row) for row in rows]}, given.json)


def _request(made: Catalogue, memory: BlendedMemory | None, home: Path, scheme: str) -> Callable[[], object]:
    parameters = replace(made.parameters, memory=memory)
    half = len(made.states) // 2
    write_graphs(home, parameters, find_scheme(scheme), parameters.scored(made.states[:half]))
    items, hidden = parameters.table.shape
    layers = len(parameters.layers)
    graphs = GraphRunner(home, layers, hidden, items)
    states = [np.ascontiguousarray(np.broadcast_to(one, (layers, 1, hidden))) for one in made.states[half:]]
    asked = _sessions(items, ASKED, seed=9)
    turns = itertools.count()

    def run() -> object:
        turn = next(turns)
        session = asked.session(turn % ASKED)
        state = graphs.step(states[turn % len(states)], session[-1:])
        return graphs.top(state, TOP, session)

    return run


def _memory(items: int, count: int) -> BlendedMemory:
    config = MemoryConfig(sessions=count)
    memory = Memory(build_index(_sessions(items, count, seed=1), config), config)
    return BlendedMemory(memory, Blend(weight=12.0, repeat_votes=0.2, revisit=12.0))


def _sessions(items: int, count: int, seed: int) -> Sessions:
    rng = np.random.default_rng(seed)
    lengths = np.minimum(2 + rng.geometric(1 / (MEAN_EVENTS - 1), count) - 1, MOST_EVENTS)
    owners = np.repeat(np.arange(count), lengths)
    weights = np.arange(1, items + 1, dtype=np.float64) ** -ZIPF
    codes: NDArray[np.int32] = rng.choice(items, len(owners), p=weights / weights.sum()).astype(np.int32)
    return Sessions.from_events(
        catalogue=[f"{number:08}" for number in range(items)],
        ids=[str(number) for number in range(count)],
        owners=owners,
        codes=codes,
        times=np.arange(len(owners), dtype=np.float64),
        rows=np.arange(1, len(owners) + 1),
    )


if __name__ == "__main__":
    main()
