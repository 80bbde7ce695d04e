"""Warm requests, one at a time: an event appended to a session, beside the same session sent whole.

    python -m bench.function.warm [--items 40000] [--rounds 2000] [--json PATH]
    python -m bench.function.warm --functions-dir before=../old/functions --functions-dir after=functions

The store is on loopback, and each tree of function code has one warm worker. The client's times include devstack's HTTP
front and Runtime API; the function's own are from its metrics records.
"""

import http.client
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from bench.common.options import benchmark_parser
from bench.common.random_model import HIDDEN, item_ids, random_artifact
from bench.common.results import write_json
from bench.common.timing import Timed, print_shares, print_timed, summary, time_interleaved
from bench.function.trees import Tree, add_tree_option, chosen_trees
from devstack.stack import Stack

ITEMS = 40_000
SESSION = 10
"""Events of the session when it is sent whole; the session's log grows to its window in the other case."""
SESSIONS = 100
"""Sessions that the events go to, in turn."""
TOTAL = "total_ms"
PHASES = ("store_read_ms", "inference_ms", "store_write_ms")
OPERATIONS = {"append one event": "append_events", f"stateless, {SESSION} items": "recommend"}

Metrics = dict[str, list[float]]
"""Milliseconds of each metric, one value for each request."""


def main() -> None:
    """Print the client's table, then the function's."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--items", type=int, default=ITEMS, help="items of the catalogue (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=2000, help="rounds of the measurement (default: %(default)s)")
    add_tree_option(parser)
    arguments = parser.parse_args()
    trees = chosen_trees(arguments.functions_dir)
    print(f"{arguments.items:,} items, hidden size {HIDDEN}")
    with TemporaryDirectory() as folder:
        artifact = random_artifact(arguments.items, Path(folder))
        client, function = _measure(trees, artifact, item_ids(arguments.items), arguments.rounds)
    inside = {name: summary(metrics[TOTAL]) for name, metrics in function.items()}
    for names in _compared(list(client)) if len(trees) > 1 else [list(client)]:
        for title, timed in (("the client", client), ("the function", inside)):
            print_timed(f"Measured by {title}", {name: timed[name] for name in names}, names[0])
    for name, metrics in function.items():
        print_shares(f"Inside the function: {name}", metrics, TOTAL, PHASES)
    document = {"items": arguments.items, "hidden": HIDDEN, "rounds": arguments.rounds}
    write_json(document | {"contenders": _contenders(client, function)}, arguments.json)


def _compared(names: Sequence[str]) -> list[list[str]]:
    """Return the names of each operation, one for each tree."""
    return [[name for name in names if name.endswith(operation)] for operation in OPERATIONS]


def _measure(
    trees: Sequence[Tree], artifact: Path, items: Sequence[str], rounds: int
) -> tuple[dict[str, Timed], dict[str, Metrics]]:
    """Serve a model with each tree and send both kinds of requests to each in turn.

    Returns:
        What the client measured of each tree and operation, and what the function measured.
    """
    with ExitStack() as running:
        requests: dict[str, Callable[[], None]] = {}
        stacks: dict[str, tuple[Stack, str]] = {}
        for tree in trees:
            stack = running.enter_context(
                Stack(tree.folder, artifact=artifact, max_workers=1, python=tree.python, settings=tree.settings)
            )
            connection = running.enter_context(closing(http.client.HTTPConnection(urlsplit(stack.url).netloc)))
            for (label, operation), request in zip(OPERATIONS.items(), _requests(connection, items), strict=True):
                name = f"{tree.name}: {label}" if len(trees) > 1 else label
                requests[name], stacks[name] = request, (stack, operation)
        client = time_interleaved(requests, rounds)
        function = {name: _metrics(stack, operation, rounds) for name, (stack, operation) in stacks.items()}
    return client, function


def _requests(
    connection: http.client.HTTPConnection, items: Sequence[str]
) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return one function for each of `OPERATIONS` that sends the next request."""
    numbers = count()

    def post(path: str, body: object) -> None:
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        response = connection.getresponse()
        content = response.read()
        if response.status != http.client.OK:
            raise SystemExit(f"{path} answered {response.status}: {content.decode()}")

    def append() -> None:
        number = next(numbers)
        event = {"item_id": items[number % len(items)], "event_id": str(number)}
        post(f"/v1/sessions/s{number % SESSIONS}/events", {"events": [event]})

    def send_whole() -> None:
        start = next(numbers) % (len(items) - SESSION)
        post("/v1/recommendations", {"item_ids": items[start : start + SESSION]})

    return append, send_whole


def _metrics(stack: Stack, operation: str, rounds: int) -> Metrics:
    """Return the metrics of an operation's last requests: those before them warmed up."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in stack.log_lines() if '"_aws"' in line]
    records = [line for line in lines if line["operation"] == operation][-rounds:]
    return {metric: [record[metric] for record in records] for metric in (TOTAL, *PHASES)}


def _contenders(client: Mapping[str, Timed], function: Mapping[str, Metrics]) -> dict[str, object]:
    return {
        name: {
            "client": asdict(timed),
            "function": {metric: asdict(summary(times)) for metric, times in function[name].items()},
        }
        for name, timed in client.items()
    }


if __name__ == "__main__":
    main()
