"""Measure the memory of one scoring scheme, in a process of its own.

python -m bench.engine.resident_memory FOLDER SIZES
"""

import sys
from pathlib import Path

import numpy as np

from model_export.data.session_events import SessionEvents
from model_export.export.graph_runner import GraphRunner

REQUESTS = 30
TOP = 20


def main() -> None:
    """Print the growth of the resident set in MB from before the graphs are opened until after some requests."""
    folder, sizes = Path(sys.argv[1]), [int(size) for size in sys.argv[2].split(",")]
    layers, hidden, items = sizes
    before = _resident()
    graphs = GraphRunner(folder, layers, hidden, items)
    rng = np.random.default_rng(0)
    for _ in range(REQUESTS):
        state = rng.standard_normal((layers, 1, hidden)).astype(np.float32)
        graphs.top(graphs.step(state, SessionEvents.views(rng.integers(0, items, 1).astype(np.int32))), TOP)
    print(round(_resident() - before, 1))


def _resident() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise OSError("no VmRSS in /proc/self/status")


if __name__ == "__main__":
    main()
