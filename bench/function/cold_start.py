"""Cold starts, one at a time and in turn: from the spawn of a worker process to its first answer.

    make build runtime-client
    python -m bench.function.cold_start [--rounds 20] [--s3 realistic] [--json PATH]
    python -m bench.function.cold_start --functions-dir before=../old/functions --functions-dir after=functions
    python -m bench.function.cold_start --catalogue 40000    # each function also with catalogues of so many items

`recommend` is what `make build` made, under Lambda's Python, or the source code where there is no build. It starts with
a model of 10 MB. Two functions stand beside it, under the same Python: `floor_numpy_onnxruntime` imports these two
libraries and does nothing; `naive` is the same service without care for its start (`bench/function/cold_functions`).

`restored` is the same function from where SnapStart takes its snapshot: our hooks and the first answer. What AWS itself
takes to restore a process's memory is not in it.

Valkey is on loopback. S3 (moto) is measured twice: on loopback, and behind a proxy that answers like S3
(`bench.function.s3_proxy`).
"""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Column, Table

from bench.common.cache import cached, digest_of
from bench.common.options import benchmark_parser
from bench.common.products import ATTRIBUTES, FEW, write_products
from bench.common.random_model import random_artifact
from bench.common.results import write_json
from bench.common.timing import summary
from bench.function.s3_proxy import S3Proxy
from bench.function.trees import Tree, add_tree_option, chosen_trees
from devstack.publish import object_store
from devstack.services.bucket import Bucket
from devstack.stack import Stack
from model_export.data.items.build import build_catalogue
from nextitem.registry.catalogue_publisher import CataloguePublisher

ITEMS = 75_000
"""A model of some 10 MB."""
CONSTRAINTS = Path("requirements/constraints.txt")
NAIVE_REQUIREMENTS = ("aws-lambda-powertools[tracer]", "boto3", "numpy", "onnxruntime", "pydantic", "redis")
PEERS = Path(__file__).parent / "cold_functions"
FLOOR, NAIVE = "floor_numpy_onnxruntime", "naive"
NO_S3 = ""
S3_KINDS = ("loopback", "realistic")
EVENT = {"operation": "append_events", "session_id": "s", "events": [{"item_id": "item-000001"}]}
TABLE_WIDTH = 150
PHASES = ("process_start", "import", "model_load", "first_request")
RESTORED_PHASES = ("restore", "first_request")
"""Of a start from SnapStart's snapshot: our hooks, and the first answer."""


@dataclass(frozen=True)
class Contender:
    """A function to start.

    Attributes:
        tree: its code and interpreter.
        s3: one of `S3_KINDS`; `NO_S3` if it does not use S3.
        handler: `module.function`.
        catalogue: items of its route's catalogue; 0 for none.
        attributes: those of its items.
        restored: whether it starts from where SnapStart took its snapshot; the time then begins with its restore.
    """

    tree: Tree
    s3: str
    handler: str = "recommend.handler"
    catalogue: int = 0
    attributes: tuple[str, ...] = ()
    restored: bool = False

    @property
    def name(self) -> str:
        """What tables call it."""
        products = f", {self.catalogue:,} x {len(self.attributes)}" if self.catalogue else ""
        return f"{self.tree.name}{products}{', restored' if self.restored else ''}"


@dataclass(frozen=True)
class Row:
    """The cold starts of one function, in milliseconds.

    Attributes:
        function: its name.
        s3: see `Contender`.
        p50_ms: median of all its cold starts.
        p99_ms: their 99th percentile.
        times_floor: the median as a multiple of the floor's.
        times_first: the median as a multiple of the first function's on the same S3.
        more_ms: the median of what it took more than the first function on the same S3 in the same round.
        phases: medians of the phases that the function measures itself.
    """

    function: str
    s3: str
    p50_ms: float
    p99_ms: float
    times_floor: float
    times_first: float
    more_ms: float
    phases: dict[str, float]


def main() -> None:
    """Print a table."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="rounds of the measurement (default: %(default)s)")
    parser.add_argument("--s3", choices=S3_KINDS, help="measure with this S3 only")
    parser.add_argument("--catalogue", type=int, default=0, help="measure each also with catalogues of so many items")
    add_tree_option(parser)
    arguments = parser.parse_args()
    trees = chosen_trees(arguments.functions_dir)
    s3_kinds = [arguments.s3] if arguments.s3 else S3_KINDS
    contenders = _contenders(trees, s3_kinds, arguments.catalogue, naive=not arguments.functions_dir)
    with _started(contenders) as stacks:
        turns = list(zip(contenders, stacks, strict=True))
        for number in track(range(arguments.rounds + 1), "Cold starts"):
            first = number % len(turns)  # in turns: the end of one function may disturb the next
            for contender, stack in turns[first:] + turns[:first]:
                _start_cold(contender, stack)
        rows = _rows(contenders, stacks)
    _print(rows, trees[0], f"{arguments.rounds} cold starts each, {trees[0].label}")
    write_json({"python": trees[0].label, "rows": [asdict(row) for row in rows]}, arguments.json)


def _contenders(trees: Sequence[Tree], s3_kinds: Sequence[str], catalogue: int, *, naive: bool) -> list[Contender]:
    """Return all functions to measure; the floor is the last."""
    first = trees[0]
    libraries = (*first.search_path, first.folder) if first.is_built else ()
    floor = Contender(Tree(FLOOR, PEERS / "floor", first.python, libraries), NO_S3, "floor.handler")
    if naive and first.is_built:
        libraries = (*first.search_path, _naive_packages(first.python).resolve())
    peers = [Contender(Tree(NAIVE, PEERS / "naive", first.python, libraries), s3, "naive.handler") for s3 in s3_kinds]
    catalogues = [(0, ()), (catalogue, FEW), (catalogue, ATTRIBUTES)] if catalogue else [(0, ())]
    ours = [
        Contender(tree, s3, catalogue=items, attributes=attributes)
        for s3 in s3_kinds
        for tree in trees
        for items, attributes in catalogues
    ]
    restored = [replace(contender, restored=True) for contender in ours if not contender.catalogue]
    return [*ours, *restored, *(peers if naive else ()), floor]


@contextmanager
def _started(contenders: Sequence[Contender]) -> Iterator[list[Stack]]:
    """Start one stack for each function, all with the same model."""
    with TemporaryDirectory() as folder, ExitStack() as running:
        artifact = random_artifact(ITEMS, Path(folder))
        stacks = []
        for contender in contenders:
            proxy = running.enter_context(S3Proxy()) if contender.s3 == "realistic" else None
            stack = Stack(
                contender.tree.folder,
                artifact=artifact,
                max_workers=1,
                handler=contender.handler,
                python=contender.tree.python,
                snap_start=contender.restored,
                settings=contender.tree.settings | ({"AWS_ENDPOINT_URL_S3": proxy.url} if proxy else {}),
            )
            stacks.append(running.enter_context(stack))
            if contender.catalogue:
                _publish_catalogue(stack, contender, Path(folder))
            if proxy:
                proxy.forward_to(stack.s3_endpoint)
        yield stacks


def _publish_catalogue(stack: Stack, contender: Contender, folder: Path) -> None:
    source, target = folder / "items.parquet", folder / "catalogue.bin"
    write_products(source, contender.catalogue, contender.attributes)
    build_catalogue(source, target)
    with object_store(Bucket(stack.bucket, stack.s3_endpoint)) as store:
        CataloguePublisher(store, folder / "models").publish(target)


def _start_cold(contender: Contender, stack: Stack) -> None:
    if contender.restored:
        stack.prepare()  # until the snapshot
    answer = json.loads(stack.invoke(json.dumps(EVENT).encode()))
    if contender.s3 != NO_S3 and not answer.get("recommendations"):
        raise SystemExit(f"{contender.tree.name} ({contender.tree.folder}) recommended nothing: {answer}")
    stack.retire_workers()


def _rows(contenders: Sequence[Contender], stacks: Sequence[Stack]) -> list[Row]:
    """Return a row for each function. The first round is left out: it fills the page cache and `__pycache__`."""
    starts = [[start.answer_ms for start in stack.cold_starts[1:]] for stack in stacks]
    first = {contender.s3: of_round for contender, of_round in reversed(list(zip(contenders, starts, strict=True)))}
    floor = summary(starts[-1]).median
    rows = []
    for contender, stack, of_round in zip(contenders, stacks, starts, strict=True):
        timed, beside = summary(of_round), first[contender.s3]
        rows.append(
            Row(
                contender.name,
                contender.s3,
                round(timed.median, 1),
                round(timed.p99, 1),
                round(timed.median / floor, 3),
                round(timed.median / summary(beside).median, 3),
                round(float(np.median(np.subtract(of_round, beside))), 1),
                _phases(stack, RESTORED_PHASES if contender.restored else PHASES),
            )
        )
    return rows


def _phases(stack: Stack, phases: Sequence[str]) -> dict[str, float]:
    records = [json.loads(line) for line in stack.log_lines() if f'"cold_{phases[0]}_ms"' in line][1:]
    return {
        phase: round(summary([record[f"cold_{phase}_ms"] for record in records]).median, 1)
        for phase in (phases if records else ())
    }


def _print(rows: Sequence[Row], first: Tree, title: str) -> None:
    names = [*PHASES, *RESTORED_PHASES[:1]]
    phases = [phase.replace("_", " ") for phase in names]
    table = Table(
        Column("", no_wrap=True),
        "S3",
        "ms",
        "p99",
        "/ floor",
        f"/ {first.name}",
        f"- {first.name}",
        *phases,
        title=title,
    )
    for row in rows:
        beside = (f"{row.times_first:.3f}", f"{row.more_ms:+.1f}") if row.s3 else ("", "")
        ratios = f"{row.times_floor:.2f}", *beside
        phases = [f"{row.phases[name]:.0f}" if name in row.phases else "" for name in names]
        table.add_row(row.function, row.s3, f"{row.p50_ms:.0f}", f"{row.p99_ms:.0f}", *ratios, *phases)
    Console(width=TABLE_WIDTH).print(table)


def _naive_packages(executable: Path) -> Path:
    """Return a folder with the packages of the naive function, in the versions that ours has."""
    version = subprocess.run([executable, "-VV"], check=True, capture_output=True, text=True).stdout
    made_from = {"python": version, "requirements": NAIVE_REQUIREMENTS, "constraints": digest_of([CONSTRAINTS])}
    pip = [str(executable), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]

    def make(folder: Path) -> None:
        options = ["--constraint", str(CONSTRAINTS), "--target", str(folder)]
        subprocess.run([*pip, *options, *NAIVE_REQUIREMENTS], check=True)

    return cached("naive", made_from, make)


if __name__ == "__main__":
    main()
