"""Derive dollars per million requests and the largest catalogue by memory size from `bench.engine.latency`.

Reads `bench/results/engine-latency-*.json`, measures nothing. A function has the least memory that holds its resident
set with room to spare, and one whole vCPU (1,769 MB) at least; Lambda bills whole milliseconds at list prices.
"""

import argparse
import json
from math import ceil
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.common.results import write_json
from bench.engine.latency import FP32
from model_export.cost import prices
from model_export.cost.estimate import HEADROOM, MAX_MB, REQUEST_MS, STORE_MS, VCPU_MB, billed_gigabyte_seconds

RESULTS = Path("bench/results")
RUNTIME_MB = 120.0
"""Resident in a function beside its model, interpreter and libraries included: `bench.function.memory_size` says 112
to 121."""
SIZES_MB = (VCPU_MB, 3008, MAX_MB)
MILLION = 1_000_000


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = [json.loads(path.read_text("utf-8")) for path in sorted(arguments.results.glob("engine-latency-*.json"))]
    found.sort(key=lambda one: (one["catalogue"], one["hidden"]))
    rows = [row for one in found for row in costs(one)]
    table = Table("items", "hidden", "", "engine ms", "overlap", "memory MB", "$ per million")
    for row in rows:
        numbers = (f"{row['engine_ms']:.2f}", f"{row['overlap']:.4f}", f"{row['memory_mb']:,}")
        table.add_row(
            f"{row['catalogue']:,}", str(row["hidden"]), row["kind"], *numbers, f"{row['usd_per_million']:.2f}"
        )
    Console().print(table)
    largest = capacities(found)
    table = Table("hidden", "bytes an item", *(f"{size:,} MB" for size in SIZES_MB), title="Largest catalogue, items")
    for row in largest:
        sizes = (f"{row[str(size)]:,}" for size in SIZES_MB)
        table.add_row(str(row["hidden"]), f"{row['bytes_per_item']:.0f}", *sizes)
    Console().print(table)
    if arguments.json:
        write_json({"rows": rows, "capacities": largest}, arguments.json)


def costs(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the chosen scheme costs, and float32 where a function could hold it."""
    chosen = [("chosen", row) for row in result["rows"] if row["chosen"]]
    exact = [("float32", row) for row in result["rows"] if row["scheme"] == FP32]
    found = []
    for kind, row in (*chosen, *exact):
        memory = max(VCPU_MB, ceil((RUNTIME_MB + row["rss_mb"]) * HEADROOM))
        if memory > MAX_MB:
            continue
        seconds = billed_gigabyte_seconds(row["p50_ms"] + REQUEST_MS + STORE_MS, memory)
        found.append(
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
    return found


def capacities(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the largest catalogue that each memory size holds, by hidden size, from its largest measured one."""
    largest = {one["hidden"]: one for one in results}  # sorted by catalogue: the last one stays
    found = []
    for hidden, one in sorted(largest.items()):
        row = next((row for row in one["rows"] if row["chosen"]), None)
        if row is None:
            continue
        each = row["rss_mb"] * 2**20 / one["catalogue"]
        room = {str(size): int((size / HEADROOM - RUNTIME_MB) * 2**20 / each) // 1000 * 1000 for size in SIZES_MB}
        found.append({"hidden": hidden, "scheme": row["scheme"], "bytes_per_item": each, **room})
    return found


if __name__ == "__main__":
    main()
