"""The append script on a real Valkey, by the server's own clock: sessions of several lengths, and their memory.

    python -m bench.store.append_script [--rounds 1000] [--json PATH]

It is interleaved with the simple alternative: GET the state, then SET it, where two writers can lose an update.
"""

import tempfile
import time
from pathlib import Path

from redis import Redis
from rich.console import Console
from rich.table import Table

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from devstack.processes.children import Children
from devstack.services.valkey import start_valkey
from nextitem.deadline import Deadline
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.session import Event, SessionKey
from nextitem.sessions.valkey_store import ValkeyStore

LENGTHS = (1, 10, 64, 300)
"""Events in the session before the measured one."""
STATE = bytes(512)
"""A hidden state of 128 float32."""
VERSION = "v0000000000000000"


def main() -> None:
    """Print a table."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=1000, help="rounds of the measurement (default: %(default)s)")
    arguments = parser.parse_args()
    rows = []
    table = Table("events before", "append µs", "GET + SET µs", "ratio", "session bytes", title="Time in the server")
    with tempfile.TemporaryDirectory() as folder, Children() as children:
        server = start_valkey(children, Path(folder))
        store, redis = ValkeyStore(parse_store_url(server.url), timeout=1, ttl=600), Redis.from_url(server.url)
        store.append(_key("warm"), [_event(0)], VERSION, _now(), Deadline.after(1))
        for length in LENGTHS:
            for number in range(length):
                store.append(_key(f"s{length}"), [_event(number)], VERSION, _now(), Deadline.after(1))
            for round_ in range(arguments.rounds):
                redis.copy(f"s{length}", f"s{length}-{round_}")
            redis.config_resetstat()
            for round_ in range(arguments.rounds):
                store.append(_key(f"s{length}-{round_}"), [_event(length)], VERSION, _now(), Deadline.after(1))
                redis.get(f"peer{length}")
                redis.set(f"peer{length}", STATE, ex=600)
            stats = redis.info("commandstats")
            ours = stats["cmdstat_evalsha"]["usec_per_call"]
            peer = stats["cmdstat_get"]["usec_per_call"] + stats["cmdstat_set"]["usec_per_call"]
            memory = redis.memory_usage(f"s{length}-0")
            table.add_row(str(length), f"{ours:.1f}", f"{peer:.1f}", f"{ours / peer:.1f}", str(memory))
            figures = {"append_us": ours, "get_and_set_us": peer, "session_bytes": memory}
            rows.append({"events_before": length, **figures})
            redis.flushall()
        redis.close()
        store.close()
    Console().print(table)
    write_json({"rounds": arguments.rounds, "rows": rows}, arguments.json)


def _key(name: str) -> SessionKey:
    return SessionKey(name, b"a key of hashes")


def _event(number: int) -> Event:
    return Event(f"item-{number:06d}", f"event-{number}")


def _now() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    main()
