"""One request at a time through the whole stack: a session's next event, beside the same session sent whole.

Client-side times include the HTTP front and the Runtime API of devstack; the function's own are from its metrics
records. Demo model, one warm worker. `python -m bench.function.requests`
"""

import argparse
import http.client
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.common.timing import Timed, interleaved, print_shares, print_timed
from devstack.publish import demo_artifact
from devstack.stack import Stack
from model_export.simulator import Shop

SESSION = 10
"""Events of the session when it is sent whole; the session's log grows to its window in the other case."""
SESSIONS = 100
"""Sessions that the events go to, in turn."""
OURS = "append one event"
PEER = f"stateless, {SESSION} items"
TOTAL = "total_ms"
PHASES = ("store_read_ms", "inference_ms", "store_write_ms")
OPERATIONS = {OURS: "append_events", PEER: "recommend"}


@dataclass(frozen=True)
class Measured:
    """Both contenders, as the client saw them and as the function did; milliseconds.

    Attributes:
        client: from sending to the whole answer, of each contender.
        function: the metrics of each contender's warm requests, one list a metric.
    """

    client: dict[str, Timed]
    function: dict[str, dict[str, list[float]]]


def main() -> None:
    """Print the client's table, then the function's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2000)
    arguments = parser.parse_args()
    measured = measure(demo_artifact(), [product.item_id for product in Shop().products], arguments.rounds)
    print_timed("As the client sees it", measured.client, OURS)
    for name, metrics in measured.function.items():
        print_shares(f"As the function measures it: {name}", metrics, TOTAL, PHASES)


def measure(artifact: Path, items: Sequence[str], rounds: int) -> Measured:
    """Serve a model by one worker and send both contenders' requests, interleaved.

    Args:
        artifact: the model's folder.
        items: item ids that it knows.
        rounds: measured requests of each contender.
    """
    numbers = count()
    with Stack(artifact=artifact, max_workers=1) as stack:
        connection = http.client.HTTPConnection(urlsplit(stack.url).netloc)

        def post(path: str, body: object) -> None:
            connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
            response = connection.getresponse()
            if response.status != http.client.OK:
                raise SystemExit(f"{path} answered {response.status}: {response.read().decode()}")
            response.read()

        def append() -> None:
            number = next(numbers)
            event = {"item_id": items[number % len(items)], "event_id": str(number)}
            post(f"/v1/sessions/s{number % SESSIONS}/events", {"events": [event]})

        def whole() -> None:
            start = next(numbers) % (len(items) - SESSION)
            post("/v1/recommendations", {"item_ids": items[start : start + SESSION]})

        client = interleaved({OURS: append, PEER: whole}, rounds)
        connection.close()
        lines = [json.loads(line) for line in stack.log_lines() if '"_aws"' in line]
    return Measured(client, {name: _metrics(lines, operation, rounds) for name, operation in OPERATIONS.items()})


def _metrics(lines: Sequence[dict[str, Any]], operation: str, rounds: int) -> dict[str, list[float]]:
    """Return each metric of an operation's last requests: those before them warmed up."""
    records = [line for line in lines if line["operation"] == operation][-rounds:]
    return {metric: [record[metric] for record in records] for metric in (TOTAL, *PHASES)}


if __name__ == "__main__":
    main()
