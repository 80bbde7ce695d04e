"""Draw the results in `bench/results/` for the documents: `python -m bench.plots`, the last step of `make bench`."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")  # no screen is needed

from matplotlib import pyplot as plt

from bench.engine.latency import FP32

RESULTS = Path("bench/results")
PLOTS = Path("docs/plots")
SIZE = (8.0, 5.0)
LIMIT_MS = 50.0
"""The latency limit of a prediction in ETUDE (ICDE 2024)."""
PEERS = {
    FP32: ("ONNX Runtime, float32", "#7f7f7f"),
    "torch_eager": ("torch, eager", "#d62728"),
    "torch_compile": ("torch.compile", "#ff9896"),
    "faiss_flat": ("faiss, flat", "#9467bd"),
    "hnswlib": ("hnswlib", "#c5b0d5"),
}
PHASE_COLOURS = {
    "process_start": "#c6dbef",
    "import": "#6baed6",
    "model_load": "#2171b5",
    "restore": "#fdae6b",
    "first_request": "#08306b",
}
SCHEMES = ("8-bit", "8-bit-rescored", "4-bit", "truncated-128", "truncated-96", "truncated-64", "ivf-7", "ivf-10")


def main() -> None:
    """Draw a plot for each available result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="folder with the figures of the benchmarks (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, default=PLOTS, help="folder for the plots (default: %(default)s)")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    engines = [_read(path) for path in sorted(arguments.results.glob("engine-latency-*.json"))]
    hidden = max((result["hidden"] for result in engines), default=0)
    family = sorted(
        (result for result in engines if result["hidden"] == hidden), key=lambda result: result["catalogue"]
    )
    if len(family) > 1:
        engine(family, arguments.out / "engine.png")
    for benchmark, picture, draw in (
        ("function-cold_start", "cold_start", cold_start),
        ("engine-cost", "engine_cost", cost),
        ("serve", "serve", serve),
        ("experiments", "experiments", experiments),
    ):
        path = arguments.results / f"{benchmark}.json"
        if path.exists():
            draw(_read(path), arguments.out / f"{picture}.png")


def engine(results: Sequence[dict[str, Any]], out: Path) -> None:
    """Draw latency by catalogue size, a line for each scheme and peer, and the bound that memory sets."""
    figure, axes = plt.subplots(figsize=SIZE, layout="constrained")
    sizes = [result["catalogue"] for result in results]
    points = [(result["catalogue"], {row["scheme"]: row for row in result["rows"]}) for result in results]
    for name, (label, colour) in PEERS.items():
        line = [(size, row[name]["p50_ms"]) for size, row in points if name in row]
        if line:
            axes.plot(*zip(*line, strict=True), "o--", color=colour, label=label, linewidth=1)
    for name in SCHEMES:
        line = [(size, row[name]["p50_ms"]) for size, row in points if name in row]
        if line:
            axes.plot(*zip(*line, strict=True), ".-", color="#aec7e8", linewidth=1)
            axes.annotate(name, line[-1], xytext=(6, 0), textcoords="offset points", fontsize=7, color="#5a7ca8")
    best = [next(((size, row["p50_ms"]) for row in named.values() if row["chosen"]), None) for size, named in points]
    chosen = [point for point in best if point is not None]
    axes.plot(*zip(*chosen, strict=True), "o-", color="#1f77b4", linewidth=2.5, label="nextitem: the chosen scheme")
    weights = [result["catalogue"] * result["hidden"] * 4 / result["read_gb_per_s"] for result in results]
    floor = [nanoseconds / 1e6 for nanoseconds in weights]
    axes.plot(sizes, floor, ":", color="black", linewidth=1, label="reading the float32 table once")
    axes.axhline(LIMIT_MS, color="#2ca02c", linewidth=0.8)
    axes.annotate("50 ms", (sizes[0], LIMIT_MS), xytext=(0, 3), textcoords="offset points", fontsize=8, color="#2ca02c")
    axes.set(xscale="log", yscale="log", xlabel="items in the catalogue", ylabel="median ms of one request, one core")
    axes.set_title(f"One request, hidden size {results[0]['hidden']}")
    axes.margins(x=0.15)
    axes.legend(fontsize=8, frameon=False)
    figure.savefig(out, dpi=130)
    plt.close(figure)


def cold_start(result: dict[str, Any], out: Path) -> None:
    """Draw each function's cold start, ours by its phases."""
    rows = sorted(result["rows"], key=lambda row: -row["p50_ms"])
    figure, axes = plt.subplots(figsize=(8.0, 1.0 + 0.6 * len(rows)), layout="constrained")
    named: set[str] = set()
    for place, row in enumerate(rows):
        left = 0.0
        for phase, took in row["phases"].items():
            label = None if phase in named else phase.replace("_", " ")
            named.add(phase)
            axes.barh(place, took, left=left, color=PHASE_COLOURS[phase], label=label)
            left += took
        axes.barh(place, row["p50_ms"] - left, left=left, color="#bdbdbd")
        axes.annotate(
            f"{row['p50_ms']:.0f} ms, {row['times_floor']:.2f} x",
            (row["p50_ms"], place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axes.set_yticks(range(len(rows)), [_function_label(row) for row in rows])
    axes.set_xlabel("median ms from the spawn of a process to its first answer")
    axes.margins(x=0.3)
    axes.legend(fontsize=8, frameon=False, loc="upper right")
    figure.savefig(out, dpi=130)
    plt.close(figure)


def _function_label(row: dict[str, Any]) -> str:
    name = row["function"].replace("_", " ")
    return f"{name}, S3 {row['s3']}" if row["s3"] else name


def serve(result: dict[str, Any], out: Path) -> None:
    """Draw the p99 of each entry by the rate of requests, a panel for each catalogue; a ring marks the knee."""
    sizes = list(dict.fromkeys(row["items"] for row in result["rows"]))
    figure, panels = plt.subplots(1, len(sizes), figsize=(5.0 * len(sizes), 4.0), layout="constrained", squeeze=False)
    for axes, items in zip(panels[0], sizes, strict=True):
        for row in (row for row in result["rows"] if row["items"] == items):
            points = sorted((step["achieved"], step["p99_ms"]) for step in row["steps"])
            (line,) = axes.plot(
                *zip(*points, strict=True), ".-", linewidth=1, label=f"{row['entry']}: {row['rps']:.0f}/s"
            )
            if row["rps"]:
                axes.plot(row["rps"], row["p99_ms"], "o", markersize=10, markerfacecolor="none", color=line.get_color())
        axes.axhline(result["p99_ms"], color="#2ca02c", linewidth=0.8)
        axes.set(xscale="log", yscale="log", xlabel="answers per second, one core", ylabel="p99, ms from the due time")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("{x:g}")
        axes.tick_params(axis="x", which="both", labelsize=7)
        axes.set_title(f"{items:,} items")
        axes.legend(fontsize=8, frameon=False)
    figure.savefig(out, dpi=130)
    plt.close(figure)


def cost(result: dict[str, Any], out: Path) -> None:
    """Draw the cost of a million requests by catalogue, with the chosen scheme and with float32."""
    figure, axes = plt.subplots(figsize=SIZE, layout="constrained")
    labels = list(dict.fromkeys(f"{row['catalogue']:,} x {row['hidden']}" for row in result["rows"]))
    for offset, (kind, colour) in enumerate((("chosen", "#1f77b4"), ("float32", "#7f7f7f"))):
        for row in (row for row in result["rows"] if row["kind"] == kind):
            at = labels.index(f"{row['catalogue']:,} x {row['hidden']}") + (offset - 0.5) * 0.4
            bar = axes.bar(at, row["usd_per_million"], 0.38, color=colour)
            text = f"${row['usd_per_million']:.2f}\n{row['memory_mb']:,} MB\n{row['overlap']:.4f}"
            axes.bar_label(bar, [text], fontsize=7, padding=2)
    axes.set_xticks(range(len(labels)), labels)
    axes.set(ylabel="US dollars per million requests (Lambda only)", xlabel="items x hidden size")
    axes.set_title("Cost, memory of the function, and overlap with the exact top 20")
    axes.margins(y=0.2)
    axes.bar(0, 0, color="#1f77b4", label="nextitem, the chosen scheme")
    axes.bar(0, 0, color="#7f7f7f", label="float32 in ONNX Runtime")
    axes.legend(fontsize=8, frameon=False, loc="upper left")
    figure.savefig(out, dpi=130)
    plt.close(figure)


def experiments(result: dict[str, Any], out: Path) -> None:
    """Draw the share of simulated experiments that are decided by each look: equal challengers, and worse ones."""
    figure, (equal, worse) = plt.subplots(1, 2, figsize=(10.0, 4.0), layout="constrained")
    titles = ((equal, "Equal challenger: every decision is false"), (worse, "Challenger 5 % worse"))
    for axes, title in titles:
        rows = [
            row for row in (*result["rows"], *result["interleaved"]) if ("equal" in row["scenario"]) == (axes is equal)
        ]
        for number, row in enumerate(rows):
            colour = f"C{number}"
            looks = len(row["decided_by_look"])
            sessions = [result["sessions_per_look"] * (look + 1) for look in range(looks)]
            name = row["scenario"].removeprefix("equal, ").removeprefix("5 % worse, ")
            axes.plot(sessions, [100 * share for share in row["decided_by_look"]], color=colour, label=name)
            if axes is equal:
                axes.plot(sessions, [100 * share for share in row["peeking_by_look"]], "--", color=colour)
        axes.set(xlabel="sessions", ylabel="% of experiments decided", title=title, ylim=(0, 102))
    equal.axhline(5, color="black", linewidth=0.8)
    equal.annotate("5 %", (0, 5), xytext=(0, 3), textcoords="offset points", fontsize=8)
    equal.plot([], [], "--", color="#7f7f7f", label="dashed: the z-test at every look")
    equal.legend(fontsize=8, frameon=False, loc="center right")
    worse.legend(fontsize=8, frameon=False)
    figure.savefig(out, dpi=130)
    plt.close(figure)


def _read(path: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return result


if __name__ == "__main__":
    main()
