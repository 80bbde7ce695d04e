"""The cost of counting what trends: time in the server, memory of a list, and requests with and without counts.

    python -m bench.store.trending [--rounds 1000] [--json PATH]

Requests append one event to sessions of a demo model, in this process, on a Valkey of its own. Blocks of both kinds are
interleaved: the background work of a request falls into the next one of its kind.
"""

import itertools
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from redis import Redis
from rich.console import Console
from rich.table import Table

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from bench.common.timing import print_timed, time_interleaved
from bench.store.requests import BLOCK, SECONDS, demo_model, requests
from devstack.processes.children import Children
from devstack.services.valkey import start_valkey
from nextitem.deadline import Deadline
from nextitem.redis_client.url import parse_store_url
from nextitem.service.trending import Trending
from nextitem.sessions.trends import CAPACITY, Count
from nextitem.sessions.valkey_store import ValkeyStore
from nextitem.sessions.valkey_trends import ValkeyTrends

HALF_LIFE = 21_600.0


@dataclass(frozen=True)
class Row:
    """A command: what it counts, and its microseconds in the server."""

    counts: str
    server_us: float


def main() -> None:
    """Print two tables."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=1000, help="rounds of the measurement (default: %(default)s)")
    rounds = (arguments := parser.parse_args()).rounds
    with tempfile.TemporaryDirectory() as folder, Children() as children:
        url = start_valkey(children, Path(folder)).url
        store, redis = ValkeyStore(parse_store_url(url), timeout=SECONDS, ttl=600), Redis.from_url(url)
        trends = store.trends("bench", HALF_LIFE)
        rows = list(_server_times(trends, redis, rounds))
        memory = redis.memory_usage(trends.key(None))
        table = Table("one command counts", "µs in the server", title=f"A full list takes {memory:,} bytes")
        for row in rows:
            table.add_row(row.counts, f"{row.server_us:.1f}")
        Console().print(table)
        routed, trending = demo_model(), Trending(store.trends("requests", HALF_LIFE))
        kinds = {"without counts": requests(store, routed), "with counts": requests(store, routed, trending)}
        timed = time_interleaved(kinds, max(rounds // BLOCK, 10))
        print_timed(f"{BLOCK} requests, each with one event, in the function", timed, "without counts")
        redis.close()
        store.close()
    times = {name: asdict(of_kind) for name, of_kind in timed.items()}
    document = {"rows": [asdict(row) for row in rows], "list_bytes": memory, "requests": times}
    write_json(document, arguments.json)


def _server_times(trends: ValkeyTrends, redis: Any, rounds: int) -> Any:
    """Yield the time of each kind of command, first on a full list of items that are known."""
    now, numbers = time.time_ns() // 1_000_000, itertools.count()
    _send(trends, [Count(f"item-{number}", now) for number in range(CAPACITY)])

    def known() -> Count:
        return Count(f"item-{next(numbers) % CAPACITY}", now)

    def fresh() -> Count:
        return Count(f"new-{next(numbers)}", now)

    kinds: dict[str, Callable[[], list[Count]]] = {
        "an event of a listed item": lambda: [known()],
        "an event of another item": lambda: [fresh()],
        "an event, in 2 categories, too": lambda: [known()._replace(groups=("a", "b"))],
        "64 events": lambda: [known() for _ in range(64)],
    }
    for name, counts in kinds.items():
        redis.config_resetstat()
        for _ in range(rounds):
            _send(trends, counts())
        yield Row(name, redis.info("commandstats")["cmdstat_evalsha"]["usec_per_call"])
    redis.config_resetstat()
    for _ in range(rounds):
        trends.top(None, now, Deadline.after(SECONDS))
    yield Row("(reading a full list)", redis.info("commandstats")["cmdstat_zrange"]["usec_per_call"])


def _send(trends: ValkeyTrends, counts: list[Count]) -> None:
    trends.count(counts, Deadline.after(SECONDS)).result(Deadline.after(SECONDS))


if __name__ == "__main__":
    main()
