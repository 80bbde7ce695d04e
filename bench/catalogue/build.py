"""Build and open the catalogue of a million items with 20 attributes.

    python -m bench.catalogue.build [--items 1000000] [--json PATH]

A file of random items is read as CSV and as Parquet. Each catalogue is opened in a process of its own, as in a cold
start, with its pages in the cache: the file was fetched just before. To open it includes the check of its content.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from bench.common.options import benchmark_parser
from bench.common.products import ATTRIBUTES, write_products
from bench.common.results import write_json
from bench.common.timing import summary
from model_export.data.items.build import build_catalogue
from nextitem.catalogue.file import Catalogue

OPENINGS = 7


@dataclass(frozen=True)
class BuildCost:
    """The costs of one catalogue: seconds to build it, its size, milliseconds and resident megabytes to open it.

    The resident pages are those of the file: processes share them, and the kernel may drop them.
    """

    source: str
    items: int
    attributes: int
    build_s: float
    file_mb: float
    open_ms: float
    resident_mb: float


def main() -> None:
    """Print a table."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--items", type=int, default=1_000_000, help="items of the catalogue (default: %(default)s)")
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.open:
        json.dump(_open(arguments.open), sys.stdout)
        return
    with TemporaryDirectory() as folder:
        rows = [_cost(Path(folder), suffix, arguments.items) for suffix in (".csv", ".parquet")]
    table = Table("source", "items", "attributes", "build s", "file MB", "open ms", "resident MB")
    for row in rows:
        figures = f"{row.build_s:.1f}", f"{row.file_mb:.1f}", f"{row.open_ms:.1f}", f"{row.resident_mb:.1f}"
        table.add_row(row.source, f"{row.items:,}", str(row.attributes), *figures)
    Console().print(table)
    write_json({"rows": [asdict(row) for row in rows]}, arguments.json)


def _cost(folder: Path, suffix: str, items: int) -> BuildCost:
    source, target = folder / f"items{suffix}", folder / "catalogue.bin"
    write_products(source, items)
    begun = time.perf_counter()
    built = build_catalogue(source, target)
    seconds = time.perf_counter() - begun
    if (len(built.catalogue), set(built.catalogue.columns)) != (items, set(ATTRIBUTES)):
        raise SystemExit(f"{source.name}: the catalogue has other items or attributes than the file")
    source.unlink()
    opened = [_opened(target) for _ in range(OPENINGS)]
    return BuildCost(
        suffix.removeprefix("."),
        items,
        len(ATTRIBUTES),
        round(seconds, 2),
        round(target.stat().st_size / 1e6, 2),
        round(summary([ms for ms, _ in opened]).median, 2),
        round(summary([megabytes for _, megabytes in opened]).median, 2),
    )


def _opened(path: Path) -> tuple[float, float]:
    command = [sys.executable, "-m", "bench.catalogue.build", "--open", str(path)]
    ms, megabytes = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return ms, megabytes


def _open(path: Path) -> tuple[float, float]:
    before, begun = _resident_mb(), time.perf_counter()
    catalogue = Catalogue(path, "c0")
    ms = (time.perf_counter() - begun) * 1000
    if not len(catalogue):
        raise SystemExit(f"{path}: the catalogue has no items")
    return ms, _resident_mb() - before


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
