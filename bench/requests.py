"""One request at a time through the whole stack: a session's next event, beside the same session sent whole.

Client-side times include the HTTP front and the Runtime API of devstack; the function's own are from its metrics
records. Demo model, one warm worker. `python -m bench.requests`
"""

import argparse
import http.client
import json
from itertools import count
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from bench.timing import interleaved, print_timed, summary
from devstack.publish import demo_artifact
from devstack.stack import Stack
from shop import Shop

SESSION = 10
"""Events of the session when it is sent whole; the session's log grows to its window in the other case."""
OURS = "append one event"
METRICS = ("total_ms", "store_read_ms", "inference_ms", "store_write_ms")


def main() -> None:
    """Print the client's table, then the function's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2000)
    arguments = parser.parse_args()
    items = [product.item_id for product in Shop().products]
    numbers = count()
    with Stack(artifact=demo_artifact(), max_workers=1) as stack:
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
            post(f"/v1/sessions/s{number % 100}/events", {"events": [event]})

        def whole() -> None:
            start = next(numbers) % (len(items) - SESSION)
            post("/v1/recommendations", {"item_ids": items[start : start + SESSION]})

        timed = interleaved({OURS: append, f"stateless, {SESSION} items": whole}, arguments.rounds)
        connection.close()
        lines = [json.loads(line) for line in stack.log_lines() if '"_aws"' in line]
    print_timed("As the client sees it", timed, OURS)
    table = Table("append one event", "median ms", "p99 ms", title="As the function measures it")
    records = [line for line in lines if line["operation"] == "append_events"]
    for metric in METRICS:
        taken = summary([record[metric][0] for record in records])
        table.add_row(metric, f"{taken.median:.3f}", f"{taken.p99:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
