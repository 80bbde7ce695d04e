"""Many clients append to one session through the real handlers; then the session is checked.

    python -m bench.store.contention [--clients 32] [--events 10000] [--json PATH]

Every event id is sent once, and a share of them again by another client at nearly the same time, to four workers. Then
the log, the answers and the snapshot must agree (`bench.store.contention_checks`). The exit code is 1 if a check fails.
"""

import asyncio
import http
import json
import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context

import aiohttp
from rich.console import Console
from rich.table import Table

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from bench.common.timing import summary
from bench.store.contention_checks import Answered, Check, Sent, checks
from devstack.publish import demo_artifact
from devstack.stack import KEY_SECRET, Stack
from model_export.simulator import Shop
from nextitem.deadline import Deadline
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.keys import session_key
from nextitem.sessions.valkey_store import ValkeyStore

CLIENTS = 32
EVENTS = 10_000
REPEATED = 0.2
"""The share of sent events that repeat the id of another."""
STAMPED = 0.2
"""The share of events with the time of sending, which puts some of them before events that arrived earlier."""
QUIET_TAIL = 0.1
"""The share at the end without times: the answers give its order, so it can be replayed."""
SESSION = "contended"
PATIENT = {"NEXTITEM_STORE_TIMEOUT_MS": "4000"}
DEADLINE_MS = 10_000
"""The maximum: every event must be stored, even if the workers share a core."""
WORKERS = 4
SEED = 32
VERSION_SECONDS = 10.0


def main() -> None:
    """Run, check, print; exit with 1 when a check fails."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--clients", type=int, default=CLIENTS, help="clients at a time (default: %(default)s)")
    parser.add_argument("--events", type=int, default=EVENTS, help="events to send (default: %(default)s)")
    arguments = parser.parse_args()
    artifact = demo_artifact()
    sends = _sends(arguments.events, arguments.clients)
    with Stack(artifact=artifact, max_workers=WORKERS, settings=PATIENT) as stack:
        begun = time.perf_counter()
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other_process:
            answers = other_process.submit(_send, stack.url, sends, arguments.clients).result()
        seconds = time.perf_counter() - begun
        last = json.loads(
            stack.invoke(json.dumps({"operation": "get_recommendations", "session_id": SESSION}).encode())
        )
        store = ValkeyStore(parse_store_url(stack.store_url), timeout=VERSION_SECONDS, ttl=60)
        key = session_key(KEY_SECRET.encode(), SESSION)
        record = store.load(key, str(stack.version), Deadline.after(VERSION_SECONDS))
        store.close()
    top = tuple(item["item_id"] for item in last["recommendations"])
    results = checks(key, answers, record, top, Model(open_artifact(artifact)))
    _print(results, answers, seconds)
    times = summary([answer.milliseconds for answer in answers])
    document = {
        "clients": arguments.clients,
        "events": len(answers),
        "p50_ms": times.median,
        "p99_ms": times.p99,
        "checks": [asdict(check) for check in results],
    }
    write_json(document, arguments.json)
    sys.exit(not all(check.holds for check in results))


def _sends(events: int, clients: int) -> list[Sent]:
    """Return the events to send, in order; a repeated id comes at most twice `clients` places after the first."""
    chance = random.Random(SEED)  # noqa: S311 - not for secrets
    items = [product.item_id for product in Shop().products]
    repeated = int(events * REPEATED)
    places = [float(number) for number in range(events - repeated)]
    sends = [
        Sent(f"e{number}", chance.choice(items), chance.random() < STAMPED and place < (1 - QUIET_TAIL) * len(places))
        for number, place in enumerate(places)
    ]
    again = [(place + chance.uniform(0.1, clients), sends[int(place)]) for place in chance.sample(places, repeated)]
    return [sent for _, sent in sorted([*zip(places, sends, strict=True), *again], key=lambda pair: pair[0])]


def _send(url: str, sends: list[Sent], clients: int) -> list[Answered]:
    """Send all events, `clients` at a time; runs in a process of its own."""
    return asyncio.run(_send_all(url, sends, clients))


async def _send_all(url: str, sends: list[Sent], clients: int) -> list[Answered]:
    answers: list[Answered] = []
    waiting = iter(sends)
    connector = aiohttp.TCPConnector(limit=clients)
    async with aiohttp.ClientSession(url, connector=connector) as session, asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(_client(session, waiting, answers))
    return answers


async def _client(session: aiohttp.ClientSession, waiting: Iterator[Sent], answers: list[Answered]) -> None:
    for sent in waiting:
        event: dict[str, object] = {"item_id": sent.item_id, "event_id": sent.event_id}
        if sent.stamped:
            event["occurred_at"] = time.time_ns() // 1_000_000
        body = {"events": [event], "limit": 1, "deadline_ms": DEADLINE_MS}
        begun = time.perf_counter()
        async with session.post(f"/v1/sessions/{SESSION}/events", json=body) as response:
            answer = await response.json(content_type=None)
            milliseconds = (time.perf_counter() - begun) * 1000
        if response.status != http.HTTPStatus.OK or not answer["stored"]:
            answers.append(Answered(sent, "not stored", 0, milliseconds))
        else:
            status, length = answer["events"][0]["status"], answer["session_length"]
            answers.append(Answered(sent, status, length, milliseconds))


def _print(results: list[Check], answers: list[Answered], seconds: float) -> None:
    times = summary([answer.milliseconds for answer in answers])
    title = f"{len(answers):,} events in {seconds:.1f} s, median {times.median:.1f} ms, p99 {times.p99:.1f} ms"
    table = Table("check", "finding", "", title=title)
    for check in results:
        table.add_row(check.name, check.finding, "holds" if check.holds else "[red]VIOLATED[/red]")
    Console().print(table)


if __name__ == "__main__":
    main()
