"""Prepare an event lake for training with DuckDB and with Spark: seconds and peak memory of each.

The lake has the files that the collector writes, full ones, in folders by date and hour. Simulated sessions fill its
first day; each other day has the same ones under other names. Both engines must write the same bytes.

    python -m bench.training.lake [--events 10000000] [--days 10] [--engines duckdb spark] [--json FILE]
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from model_export.data.ingestion.prepare import RECORD
from model_export.lake.parquet import COLUMNS, Contents, footer_of, write_file
from model_export.lake.records import EVENTS, HOUR_MS, file_name
from model_export.lake.valkey_streams import BATCH
from model_export.simulator import Shop
from model_export.simulator.files import write_events

PRODUCTS = 5_000
EVENTS_OF_A_SESSION = 6
"""At least so many, in the mean."""
BUCKETS = 256
ENGINES = ("duckdb", "spark")
SAMPLE_SECONDS = 0.1
"""Between two samples of memory, whose peak the kernel keeps for each process, but not for all of them together."""
MIB = 1 << 20
_ROWS = """
CREATE TABLE event AS
WITH copied AS (
    SELECT *, (timestamp * 1000)::BIGINT + copy * 86400000 AS ms
    FROM read_csv('{csv}', all_varchar = true, types = {{timestamp: 'DOUBLE'}})
    CROSS JOIN (SELECT unnest(range({days})) AS copy)
), placed AS (
    SELECT *, row_number() OVER (PARTITION BY ms // {hour} ORDER BY ms, session_id) AS number FROM copied
)
SELECT ms // {hour} AS hour, (number - 1) // {batch} AS file, number,
    md5(session_id || copy)[:16] AS session, md5(session_id || copy || number)[:16] AS event, item_id, type,
    ms AS occurred_at, ms AS arrived_at, ms || '-' || number AS entry, false AS late, 'v0123456789abcdef' AS version,
    'main' AS variant, (number % 40)::INTEGER AS rank, number % 50 = 0 AS clicked,
    'v0123456789abcdef' AS judged_version, 'main' AS judged_variant, NULL::VARCHAR AS placement, NULL::VARCHAR AS team
FROM placed ORDER BY hour, number LIMIT {events}
"""
_FILES = """
SELECT hour, file, arg_min(entry, number), arg_max(entry, number), count(*) FROM event GROUP BY hour, file
ORDER BY hour, file
"""


@dataclass(frozen=True)
class Preparing:
    """The preparation by one engine; `peak_mib` is the resident memory of its processes together.

    `cpu_seconds` is what these processes computed: on a busy machine it says more than `seconds`.
    """

    engine: str
    seconds: float
    cpu_seconds: float
    peak_mib: float


def main() -> None:
    """Print the seconds and the memory of each engine.

    Raises:
        AssertionError: the engines write different files.
    """
    parser = benchmark_parser(__doc__)
    parser.add_argument("--events", type=int, default=10_000_000, help="events of the lake (default: %(default)s)")
    parser.add_argument("--days", type=int, default=10, help="days of the lake (default: %(default)s)")
    parser.add_argument("--scratch", type=Path, help="an empty folder on a large disk")
    parser.add_argument(
        "--engines", nargs="+", choices=ENGINES, default=ENGINES, help="engines to compare (default: %(default)s)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        lake = Path(folder, "lake")
        files = write_lake(Path(folder), options.events, options.days)
        size = sum(file.stat().st_size for file in lake.rglob("*.parquet"))
        results = [_prepare(engine, lake, Path(folder, engine)) for engine in options.engines]
        records = {Path(folder, engine, RECORD).read_bytes() for engine in options.engines}
    if len(records) > 1:
        raise AssertionError("the engines wrote different files")
    title = f"{options.events:,} events in {files:,} files of the lake, {size / MIB:,.0f} MiB"
    table = Table("engine", "seconds", "CPU seconds", "peak memory MiB", title=title)
    for result in results:
        seconds = (f"{value:.1f}" for value in (result.seconds, result.cpu_seconds))
        table.add_row(result.engine, *seconds, f"{result.peak_mib:,.0f}")
    Console().print(table)
    shape = {"events": options.events, "files": files, "bytes": size}
    write_json({**shape, "rows": [asdict(result) for result in results]}, options.json)


def write_lake(folder: Path, events: int, days: int) -> int:
    """Write a lake below a folder; return the number of its files."""
    csv = folder / "events.csv"
    sessions = -(-events // days // EVENTS_OF_A_SESSION)
    write_events(csv, Shop(seed=7, products=PRODUCTS).sessions(sessions, seed=1, days=1), types=True)
    with duckdb.connect(folder / "rows.duckdb") as connection:
        connection.execute(_ROWS.format(csv=csv, days=days, hour=HOUR_MS, batch=BATCH, events=events))
        files = connection.execute(_FILES).fetchall()
        for number, (hour, file, first, last, count) in enumerate(files):
            path = folder / file_name(EVENTS, number % BUCKETS, first, "parquet")
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = f"SELECT {', '.join(COLUMNS)} FROM event WHERE hour = {hour} AND file = {file}"  # noqa: S608 - our own names
            write_file(connection, rows, path, footer_of(Contents(count, last)))
    (folder / "rows.duckdb").unlink()
    csv.unlink()
    return len(files)


def _prepare(engine: str, lake: Path, out: Path) -> Preparing:
    """Run `nextitem prepare` and watch the memory of its processes."""
    command = [sys.executable, "-m", "model_export.cli", "prepare", str(lake), "--preset", "lake"]
    begun, peak = time.perf_counter(), 0.0
    computed: dict[int, float] = {}
    process = subprocess.Popen([*command, "--out", str(out), "--engine", engine], stdout=subprocess.DEVNULL)
    while process.poll() is None:
        family = _family(process.pid)
        peak = max(peak, sum(_resident(pid) for pid in family))
        computed |= {pid: seconds for pid in family if (seconds := _computed(pid))}
        time.sleep(SAMPLE_SECONDS)
    seconds = time.perf_counter() - begun
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return Preparing(engine, round(seconds, 1), round(sum(computed.values()), 1), round(peak, 1))


def _computed(pid: int) -> float:
    """Return the CPU seconds of a process so far; 0 if it has ended.

    Those of ended children do not do: no process waits for the JVM that Spark starts.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    family = [pid]
    for member in family:
        for children in Path(f"/proc/{member}/task").glob("*/children"):
            try:
                family += [int(child) for child in children.read_text().split()]
            except OSError:
                continue  # the thread has ended
    return family


def _resident(pid: int) -> float:
    """Return the resident memory of a process in MiB; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), 0.0)


if __name__ == "__main__":
    main()
