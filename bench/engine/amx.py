"""The int8 scan of a catalogue with AMX and without it (see `nextitem.model.onnx_runtime`).

    python -m bench.engine.amx [--items 1000000] [--json PATH]

Each measurement runs in a process of its own, in turn. On a processor without AMX both give the same times.
"""

import subprocess
import sys

from rich.console import Console
from rich.table import Table

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from bench.common.timing import summary

PROGRAM = """
import sys, time
if sys.argv[1] == "without":
    from nextitem.model.onnx_runtime import ort
else:
    import onnxruntime as ort
import numpy as np
from onnx import TensorProto, helper
blocks, depth = int(sys.argv[2]), int(sys.argv[3])
matrix = np.random.default_rng(1).integers(-100, 100, (blocks, depth, 128)).astype(np.int8)
row = np.random.default_rng(2).integers(0, 127, (1, depth)).astype(np.uint8)
graph = helper.make_graph(
    [helper.make_node("MatMulInteger", ["row", "matrix"], ["scores"])], "scan",
    [helper.make_tensor_value_info("row", TensorProto.UINT8, row.shape),
     helper.make_tensor_value_info("matrix", TensorProto.INT8, matrix.shape)],
    [helper.make_tensor_value_info("scores", TensorProto.INT32, [blocks, 1, 128])])
options = ort.SessionOptions()
options.intra_op_num_threads = 1
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
session = ort.InferenceSession(model.SerializeToString(), options)
for _ in range(21):
    begun = time.perf_counter()
    (scores,) = session.run(None, {"row": row, "matrix": matrix})
    print((time.perf_counter() - begun) * 1000)
assert scores[3, 0, 5] == row[0].astype(int) @ matrix[3, :, 5].astype(int)
"""
BLOCK = 128
DIMS, ROUNDS = 84, 5
MODES = ("with", "without")


def main() -> None:
    """Print a table."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--items", type=int, default=1_000_000, help="items of the catalogue (default: %(default)s)")
    arguments = parser.parse_args()
    milliseconds: dict[str, list[float]] = {mode: [] for mode in MODES}
    for _ in range(ROUNDS):
        for mode, times in milliseconds.items():
            command = [sys.executable, "-c", PROGRAM, mode, str(arguments.items // BLOCK), str(DIMS)]
            ran = subprocess.run(command, check=True, capture_output=True, text=True)
            times += [float(line) for line in ran.stdout.split()[1:]]
    timed = {mode: summary(times) for mode, times in milliseconds.items()}
    table = Table("AMX", "p50 ms", "p99 ms", "GB/s", title=f"{arguments.items:,} items, {DIMS} dimensions")
    for mode, time in timed.items():
        speed = arguments.items * DIMS / time.median / 1e6
        table.add_row(mode, f"{time.median:.2f}", f"{time.p99:.2f}", f"{speed:.1f}")
    Console().print(table)
    rows = [{"amx": mode, "p50_ms": time.median, "p99_ms": time.p99} for mode, time in timed.items()]
    write_json({"items": arguments.items, "dims": DIMS, "rows": rows}, arguments.json)


if __name__ == "__main__":
    main()
