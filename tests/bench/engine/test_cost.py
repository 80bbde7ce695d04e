"""Costs and capacities from the engine's figures, and the list of benchmarks."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import commands
from bench.engine.cost import RUNTIME_MB, capacities, costs
from bench.engine.latency import FP32
from bench.plots import cost, engine
from model_export.cost.estimate import HEADROOM, MAX_MB, VCPU_MB


def result(items: int, *, rss: float = 600.0, exact_rss: float = 1000.0) -> dict[str, Any]:
    """Return a result of `bench.engine.latency`."""
    ours = {"scheme": "truncated-64", "p50_ms": items / 1e5, "overlap": 0.9995, "rss_mb": rss, "chosen": True}
    exact = {"scheme": FP32, "p50_ms": items / 1e4, "overlap": 1.0, "rss_mb": exact_rss, "chosen": False}
    return {"catalogue": items, "hidden": 256, "read_gb_per_s": 16.0, "rows": [exact, ours]}


def test_a_table_too_large_for_a_function_has_no_price() -> None:
    rows = costs(result(9_000_000, rss=2000, exact_rss=9000))
    assert [row["kind"] for row in rows] == ["chosen"]
    assert rows[0]["memory_mb"] == pytest.approx((RUNTIME_MB + 2000) * HEADROOM, abs=1)


def test_a_small_model_costs_a_whole_vcpu() -> None:
    ours, exact = costs(result(100_000, rss=60, exact_rss=200))
    assert (ours["memory_mb"], exact["memory_mb"]) == (VCPU_MB, VCPU_MB)
    assert exact["usd_per_million"] > ours["usd_per_million"] > 0


def test_the_largest_catalogue_fits() -> None:
    (row,) = capacities([result(10_000, rss=20), result(1_000_000, rss=600)])
    assert row["bytes_per_item"] == pytest.approx(600 * 2**20 / 1e6)
    for size in (VCPU_MB, MAX_MB):
        held = row[str(size)] * row["bytes_per_item"] / 2**20 + RUNTIME_MB
        assert held * HEADROOM <= size < (held + 2) * HEADROOM + 2


def test_every_benchmark_writes_a_file_of_its_own() -> None:
    for large in (False, True):
        files = [command[command.index("--json") + 1] for command in commands(large=large)]
        assert len(set(files)) == len(files)
        assert all(find_spec(command[0]) for command in commands(large=large))


@pytest.mark.slow
def test_results_are_drawn(tmp_path: Path) -> None:
    results = [result(10_000), result(100_000)]
    engine(results, tmp_path / "engine.png")
    cost({"rows": [row for each in results for row in costs(each)]}, tmp_path / "cost.png")
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in ("engine.png", "cost.png"))
