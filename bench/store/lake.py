"""The cost of the event lake: requests with and without it, in the function and in the server, and memory of an entry.

    python -m bench.store.lake [--rounds 1000] [--json PATH]

Requests append one event to sessions of a demo model, in this process, on a Valkey of its own. Blocks of both kinds are
interleaved: the background work of a request falls into the next one of its kind.
"""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from redis import Redis
from rich.console import Console

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from bench.common.timing import print_timed, time_interleaved
from bench.store.requests import BLOCK, SECONDS, demo_model, requests
from devstack.processes.children import Children
from devstack.services.valkey import start_valkey
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.event_stream import stream_key
from nextitem.sessions.valkey_store import ValkeyStore

BUCKETS = 16
WITHOUT, WITH = "without the lake", "with the lake"


def main() -> None:
    """Print the times and the memory of an entry."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=1000, help="rounds of the measurement (default: %(default)s)")
    rounds = max((arguments := parser.parse_args()).rounds // BLOCK, 10)
    with tempfile.TemporaryDirectory() as folder, Children() as children:
        url = start_valkey(children, Path(folder)).url
        store, redis = ValkeyStore(parse_store_url(url), timeout=SECONDS, ttl=600), Redis.from_url(url)
        routed = demo_model()
        kinds = {WITHOUT: requests(store, routed), WITH: requests(store, routed, lake_buckets=BUCKETS)}
        timed = time_interleaved(kinds, rounds)
        server = {name: _server_us(redis, send, rounds) for name, send in kinds.items()}
        entry_bytes = _entry_bytes(redis)
        print_timed(f"{BLOCK} requests, each with one event, in the function", timed, WITHOUT)
        for name, microseconds in server.items():
            Console().print(f"an append {name}: {microseconds:.1f} µs in the server")
        Console().print(f"an entry of a stream: {entry_bytes:.0f} bytes")
        redis.close()
        store.close()
    document = {
        "requests": {name: asdict(times) for name, times in timed.items()},
        "ratio": timed[WITH].median / timed[WITHOUT].median,
        "server_us": server,
        "entry_bytes": entry_bytes,
    }
    write_json(document, arguments.json)


def _server_us(redis: Any, send: Any, rounds: int) -> float:
    """Return the microseconds of a script in the server: an append, and now and then the save of its request."""
    redis.config_resetstat()
    for _ in range(rounds):
        send()
    return float(redis.info("commandstats")["cmdstat_evalsha"]["usec_per_call"])


def _entry_bytes(redis: Any) -> float:
    keys = [stream_key(bucket) for bucket in range(BUCKETS)]
    entries = sum(redis.xlen(key) for key in keys)
    return float(sum(redis.memory_usage(key, samples=0) or 0 for key in keys) / entries)


if __name__ == "__main__":
    main()
