"""Dollars per million requests and the largest catalogue by memory size, from results of `bench.engine.latency`.

It reads `bench/results/engine-latency-*.json` and measures nothing. A function has the minimum memory for its resident
set with headroom, and at least one whole vCPU (1,769 MB). Lambda bills whole milliseconds at list prices.
"""

import json
from math import ceil
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from bench.engine.latency import FP32
from model_export.cost import prices
from model_export.cost.estimate import HEADROOM, MAX_MB, REQUEST_MS, STORE_MS, VCPU_MB, billed_gigabyte_seconds

RESULTS = Path("bench/results")
RUNTIME_MB = 120.0
"""Resident set of a function without its model; `bench.function.memory_size` measures 112 to 121."""
SIZES_MB = (VCPU_MB, 3008, MAX_MB)
MILLION = 1_000_000


def main() -> None:
    """Print both tables."""
    parser = benchmark_parser(__doc__)
    parser.add_argument(
        "--results",
        type=Path,
        default=RESULTS,
        help="folder with the figures of other benchmarks (default: %(default)s)",
    )
    arguments = parser.parse_args()
    results = [json.loads(path.read_text("utf-8")) for path in sorted(arguments.results.glob("engine-latency-*.json"))]
    results.sort(key=lambda result: (result["catalogue"], result["hidden"]))
    rows = [row for result in results for row in costs(result)]
    table = Table("items", "hidden", "", "engine ms", "overlap", "memory MB", "$ per million")
    for row in rows:
        numbers = (f"{row['engine_ms']:.2f}", f"{row['overlap']:.4f}", f"{row['memory_mb']:,}")
        table.add_row(
            f"{row['catalogue']:,}", str(row["hidden"]), row["kind"], *numbers, f"{row['usd_per_million']:.2f}"
        )
    Console().print(table)
    largest = capacities(results)
    table = Table("hidden", "bytes per item", *(f"{size:,} MB" for size in SIZES_MB), title="Largest catalogue, items")
    for row in largest:
        sizes = (f"{row[str(size)]:,}" for size in SIZES_MB)
        table.add_row(str(row["hidden"]), f"{row['bytes_per_item']:.0f}", *sizes)
    Console().print(table)
    write_json({"rows": rows, "capacities": largest}, arguments.json)


def costs(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the cost of the chosen scheme, and of float32 if a function can hold it."""
    chosen = [("chosen", row) for row in result["rows"] if row["chosen"]]
    exact = [("float32", row) for row in result["rows"] if row["scheme"] == FP32]
    rows = []
    for kind, row in (*chosen, *exact):
        memory = max(VCPU_MB, ceil((RUNTIME_MB + row["rss_mb"]) * HEADROOM))
        if memory > MAX_MB:
            continue
        seconds = billed_gigabyte_seconds(row["p50_ms"] + REQUEST_MS + STORE_MS, memory)
        rows.append(
            {
                "catalogue": result["catalogue"],
                "hidden": result["hidden"],
                "kind": kind,
                "scheme": row["scheme"],
                "engine_ms": row["p50_ms"],
                "overlap": row["overlap"],
                "memory_mb": memory,
                "usd_per_million": round(MILLION * (seconds * prices.LAMBDA_GB_SECOND + prices.LAMBDA_REQUEST), 4),
            }
        )
    return rows


def capacities(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the largest catalogue for each memory size, by hidden size, from the largest measured catalogue."""
    largest = {result["hidden"]: result for result in results}  # sorted by catalogue, so the last result stays
    rows = []
    for hidden, result in sorted(largest.items()):
        row = next((row for row in result["rows"] if row["chosen"]), None)
        if row is None:
            continue
        bytes_per_item = row["rss_mb"] * 2**20 / result["catalogue"]
        items = {
            str(size): int((size / HEADROOM - RUNTIME_MB) * 2**20 / bytes_per_item) // 1000 * 1000 for size in SIZES_MB
        }
        rows.append({"hidden": hidden, "scheme": row["scheme"], "bytes_per_item": bytes_per_item, **items})
    return rows


if __name__ == "__main__":
    main()
