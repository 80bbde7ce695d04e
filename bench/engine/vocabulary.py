"""Item id to index and back for catalogues of up to 20 million ids: ours, `marisa-trie`, and a dict with a list.

    make bench-peers    # installs marisa-trie, which is left out otherwise
    python -m bench.engine.vocabulary [--items 20000000] [--json PATH]

Each is opened in a process of its own, as in a cold start, and then looks up random ids in both directions.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from nextitem.model.vocabulary import Vocabulary, write_vocabulary

LOOKUPS = 20_000
PEER = "marisa-trie"
KINDS = ("ours", PEER, "dict")
US = 1e6


@dataclass(frozen=True)
class VocabularyCost:
    """The costs of one kind of vocabulary; look-ups are in microseconds."""

    kind: str
    file_mb: float
    open_ms: float
    index_us: float
    first_index_us: float
    item_id_us: float
    rss_mb: float


def main() -> None:
    """Print a table."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--items", type=int, default=1_000_000, help="items of the catalogue (default: %(default)s)")
    parser.add_argument("--look-up", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.look_up:
        json.dump(_look_up(arguments.look_up, arguments.file, arguments.items), sys.stdout)
        return
    kinds = [kind for kind in KINDS if kind != PEER or find_spec("marisa_trie")]
    if PEER not in kinds:
        print(f"{PEER}: not installed: run `make bench-peers`")
    with TemporaryDirectory() as folder:
        rows = [_measure(kind, Path(folder), arguments.items) for kind in kinds]
    columns = ("file MB", "open ms", "id -> index us", "the first 100 us", "index -> id us", "resident MB")
    table = Table("", *columns, title=f"{arguments.items:,} ids")
    for row in rows:
        numbers = (row.file_mb, row.open_ms, row.index_us, row.first_index_us, row.item_id_us, row.rss_mb)
        table.add_row(row.kind, *(f"{number:,.2f}" for number in numbers))
    Console(width=120).print(table)
    write_json({"items": arguments.items, "rows": [asdict(row) for row in rows]}, arguments.json)


def _item_id(number: int) -> str:
    """Return a realistic id: neighbouring numbers are not neighbouring products."""
    return f"{number * 2_654_435_761 % 10_000_000_019:010}"


def _measure(kind: str, folder: Path, items: int) -> VocabularyCost:
    path = folder / kind
    item_ids = sorted(_item_id(number) for number in range(items))
    match kind:
        case "ours":
            write_vocabulary(path, item_ids)
        case "marisa-trie":
            import marisa_trie

            marisa_trie.Trie(item_ids).save(str(path))
        case _:
            path.write_text("\n".join(item_ids), "utf-8")
    del item_ids
    options = ["--look-up", kind, "--file", str(path), "--items", str(items)]
    command = [sys.executable, "-m", "bench.engine.vocabulary", *options]
    figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    size = path.stat().st_size / 1e6
    path.unlink()
    return VocabularyCost(kind, size, **figures)


def _look_up(kind: str, path: Path, items: int) -> dict[str, float]:
    chosen = np.random.default_rng(3).integers(0, items, LOOKUPS)
    item_ids = [_item_id(int(number)) for number in chosen]
    before = _resident_mb()
    begun = time.perf_counter()
    index, item_id = _open(kind, path)
    opened = time.perf_counter()
    first = [index(text) for text in item_ids[:100]]
    warm = time.perf_counter()
    indices = [index(text) for text in item_ids]
    looked = time.perf_counter()
    if [item_id(number) for number in indices] != item_ids or first != indices[:100]:
        raise SystemExit(f"{kind}: looking up an id and its index does not give the id back")
    done = time.perf_counter()
    return {
        "open_ms": (opened - begun) * 1000,
        "first_index_us": (warm - opened) / 100 * US,
        "index_us": (looked - warm) / LOOKUPS * US,
        "item_id_us": (done - looked) / LOOKUPS * US,
        "rss_mb": _resident_mb() - before,
    }


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _open(kind: str, path: Path) -> tuple[Callable[[str], int], Callable[[int], str]]:
    match kind:
        case "ours":
            vocabulary = Vocabulary(path)
            return lambda item_id: vocabulary.indices((item_id,))[0], vocabulary.item_id
        case "marisa-trie":
            import marisa_trie

            trie = marisa_trie.Trie()
            trie.mmap(str(path))
            return trie.key_id, trie.restore_key
        case _:
            item_ids = path.read_text("utf-8").split("\n")
            places = {item_id: place for place, item_id in enumerate(item_ids)}
            return places.__getitem__, item_ids.__getitem__


if __name__ == "__main__":
    main()
