"""What the imports of a cold start consist of: Python's own times of each module, added up by package.

    python -m bench.function.import_time [--rounds 10] [--json PATH]
    python -m bench.function.import_time --functions-dir before=../old/functions --functions-dir after=functions

numpy and ONNX Runtime come first: they are the floor. A module's time is the minimum of all rounds, so that other work
on the machine is not in it; Python's clock makes all of them some longer than they are.
"""

import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import takewhile

from rich.console import Console
from rich.table import Table

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from bench.function.trees import Tree, add_tree_option, chosen_trees

FLOOR = ("numpy", "onnxruntime")
OURS = (
    *("nextitem.aws.s3_prefetch", "nextitem.aws.object_store", "nextitem.registry.loading", "nextitem.registry.reader"),
    *("nextitem.settings", "nextitem.model.onnx_runtime", "application", "lambda_events"),
    *("nextitem.redis_client.connection", "nextitem.telemetry.serializer"),
)
"""What `startup.py` and `recommend.py` import, and their threads; importing `recommend` itself would load a model."""
STATEMENT = f"import gc; gc.disable(); import {', '.join((*FLOOR, *OURS))}"
_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")
_GROUPS = {
    "nextitem": "our modules",
    "application": "our modules",
    "calls": "our modules",
    "lambda_events": "our modules",
    "http_routes": "our modules",
    "query_string": "our modules",
    "redis": "redis-py and hiredis",
    "hiredis": "redis-py and hiredis",
    "asyncio": "asyncio (for redis-py)",
    "_asyncio": "asyncio (for redis-py)",
    "msgspec": "msgspec and typing_extensions",
    "typing_extensions": "msgspec and typing_extensions",
    "obstore": "obstore",
    "aws_lambda_powertools": "Powertools",
}
_REST, _FLOOR = "the rest of the standard library", "numpy, onnxruntime and what they import"


def main() -> None:
    """Print a table, a column for each tree."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="rounds of the measurement (default: %(default)s)")
    add_tree_option(parser)
    arguments = parser.parse_args()
    trees = chosen_trees(arguments.functions_dir)
    runs: dict[str, list[list[tuple[str, int]]]] = {tree.name: [] for tree in trees}
    for _ in range(arguments.rounds):
        for tree in trees:
            runs[tree.name].append(modules(_importtime(tree)))
    sums = {name: milliseconds_by_package(of_tree) for name, of_tree in runs.items()}
    table = Table("ms of import", *sums, title=f"{trees[0].label}, minimum of {arguments.rounds} rounds by module")
    for package in next(iter(sums.values())):
        table.add_row(package, *(f"{by_package.get(package, 0.0):.1f}" for by_package in sums.values()))
    table.add_row("all", *(f"{sum(by_package.values()):.1f}" for by_package in sums.values()))
    Console().print(table)
    write_json({"python": trees[0].label, "ms": sums}, arguments.json)


def modules(text: str) -> list[tuple[str, int]]:
    """Return each module with its own microseconds, in the order of imports, from Python's `-X importtime`."""
    return [(found[2], int(found[1])) for found in map(_LINE.match, text.splitlines()) if found]


def milliseconds_by_package(runs: Iterable[Sequence[tuple[str, int]]]) -> dict[str, float]:
    """Return the sum of the modules' shortest times by package, the largest first."""
    shortest: dict[str, int] = {}
    for run in runs:
        for name, microseconds in run:
            shortest[name] = min(microseconds, shortest.get(name, microseconds))
    floor = {name for name, _ in takewhile(lambda each: each[0] != FLOOR[-1], run)} | {FLOOR[-1]}
    sums: Counter[str] = Counter()
    for name, microseconds in shortest.items():
        sums[_FLOOR if name in floor else _GROUPS.get(name.partition(".")[0], _REST)] += microseconds
    return {package: round(microseconds / 1000, 1) for package, microseconds in sums.most_common()}


def _importtime(tree: Tree) -> str:
    environment = {"PATH": os.defpath, "OPENBLAS_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1", **tree.settings}
    command = [str(tree.python), "-X", "importtime", "-c", STATEMENT]
    ran = subprocess.run(command, cwd=tree.folder, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"{tree.folder} cannot be imported: {ran.stderr}")
    return ran.stderr


if __name__ == "__main__":
    main()
