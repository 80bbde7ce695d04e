"""The cost of a session memory: step, score and recall on one core, beside the network alone, in turns.

    python -m bench.engine.session_memory [--catalogue 40000 --hidden 128 --sessions 20000 200000 --scheme 8-bit
    --json FILE]

Catalogue and network are those of `bench.engine.latency`. The sessions are random: half of them have two or three
events, as in shops, and items follow a Zipf distribution, so that an item's list of sessions has a realistic length.
"""

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
from bench.common.timing import time_in_bursts
from bench.engine.catalogue import Catalogue, catalogue_parser, make_catalogue, trained_run
from bench.engine.latency import TOP
from model_export.data.session_events import SessionEvents
from model_export.data.sessions import Sessions
from model_export.export.build_graphs import write_graphs
from model_export.export.choose_scheme import find_scheme
from model_export.export.graph_runner import GraphRunner
from model_export.memory import Blend, BlendedMemory, Gate, Memory, MemoryConfig, build_index

QUERIES = 200
MEAN_EVENTS, MAX_EVENTS = 5.0, 50
ZIPF = 0.8
"""An item's popularity is its rank to the power of minus this."""
ALONE = "network alone"


@dataclass(frozen=True)
class ModelTime:
    """One model: milliseconds of a request inside the engine, and the size of its weights."""

    model: str
    p50_ms: float
    p99_ms: float
    weights_mb: float


def main() -> None:
    """Print a table."""
    parser = catalogue_parser(__doc__, hidden=128)
    parser.add_argument("--sessions", type=int, nargs="+", default=[20_000, 200_000], help="sessions in the memory")
    parser.add_argument("--scheme", default="8-bit", help="scoring scheme of the model (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=1000, help="rounds of the measurement (default: %(default)s)")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        catalogue = make_catalogue(
            Path(folder), trained_run(arguments.hidden, arguments.trained_on), arguments.catalogue
        )
        models: dict[str, BlendedMemory | None] = {ALONE: None}
        for count in track(arguments.sessions, "Drawing sessions"):
            models[f"{count:,} sessions"] = _memory(arguments.catalogue, count)
        sizes, requests = {}, {}
        for number, (name, memory) in enumerate(models.items()):
            home = Path(folder, str(number))
            home.mkdir()
            requests[name] = _request(catalogue, memory, home, arguments.scheme)
            sizes[name] = sum(path.stat().st_size for path in home.iterdir()) / 1e6
        timed = time_in_bursts(requests, arguments.rounds)
    rows = [ModelTime(name, time.median, time.p99, round(sizes[name], 1)) for name, time in timed.items()]
    title = f"{arguments.catalogue:,} items x {arguments.hidden}, {arguments.scheme}"
    table = Table("", "p50 ms", "p99 ms", "MB", title=title)
    for row in rows:
        table.add_row(row.model, f"{row.p50_ms:.3f}", f"{row.p99_ms:.3f}", f"{row.weights_mb:.1f}")
    Console(width=100).print(table)
    document = {"catalogue": arguments.catalogue, "hidden": arguments.hidden, "scheme": arguments.scheme}
    write_json({**document, "rows": [asdict(row) for row in rows]}, arguments.json)


def _request(catalogue: Catalogue, memory: BlendedMemory | None, home: Path, scheme: str) -> Callable[[], object]:
    parameters = replace(catalogue.parameters, memory=memory)
    write_graphs(home, parameters, find_scheme(scheme), catalogue.calibration)
    graphs = GraphRunner(home, *catalogue.sizes)
    states = catalogue.engine_states()
    queries = _sessions(len(parameters.table), QUERIES, seed=9)
    turns = itertools.count()

    def run() -> object:
        turn = next(turns)
        session = queries.session(turn % QUERIES)
        state = graphs.step(states[turn % len(states)], SessionEvents.views(session[-1:]))
        return graphs.top(state, TOP, session)

    return run


def _memory(items: int, count: int) -> BlendedMemory:
    config = MemoryConfig(sessions=count)
    memory = Memory(build_index(_sessions(items, count, seed=1), config), config)
    return BlendedMemory(memory, Blend(Gate(12.0), repeat_votes=0.2, revisit=Gate(12.0)))


def _sessions(items: int, count: int, seed: int) -> Sessions:
    rng = np.random.default_rng(seed)
    lengths = np.minimum(2 + rng.geometric(1 / (MEAN_EVENTS - 1), count) - 1, MAX_EVENTS)
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
