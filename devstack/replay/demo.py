"""The demo on a stack that runs: replay shoppers, show their recommendations, invite to try it, wait for Ctrl-C."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from rich.console import Console
from rich.progress import Progress

from devstack.demo_catalogue import demo_products
from devstack.lambda_runtime.worker import ColdStart
from devstack.replay.report import print_samples, replay_table, server_errors
from devstack.replay.shoppers import Authorization, Visit, replay
from model_export.simulator import Shop

SESSIONS = 300
REPLAY_SEED = 2026
"""Differs from the seed of the training data."""
LOG_LINES = 10
"""Number of lines of the function's log that are shown when a request failed."""
WAKE_SECONDS = 1.0
"""Seconds between two checks for a signal. A signal that arrives just before a wait does not end the wait."""


def replay_sessions(url: str, count: int, console: Console, authorization: Authorization | None) -> Sequence[Visit]:
    """Replay sessions of the demo shop and show the progress; see `replay`."""
    if count == 0:
        return ()
    with Progress(console=console) as progress:
        task = progress.add_task(f"Replaying {count} sessions", total=count)
        sessions = Shop().sessions(count, seed=REPLAY_SEED)
        return asyncio.run(replay(url, sessions, lambda: progress.advance(task), authorization=authorization))


def show_replay(
    console: Console, visits: Sequence[Visit], cold_starts: Sequence[ColdStart], log_lines: Callable[[], Iterable[str]]
) -> None:
    """Show samples and figures of a replay, and the end of the function's log if a request failed."""
    if not visits:
        return
    print_samples(console, visits, {product.item_id: product.name for product in demo_products()})
    console.print()
    console.print(replay_table(visits, cold_starts))
    if server_errors(visits):
        console.print("\nThe last lines of the function's log:")
        console.print("\n".join(list(log_lines())[-LOG_LINES:]), soft_wrap=True, markup=False)


def print_invitation(console: Console, url: str, item_id: str, *options: str) -> None:
    """Print a command that sends an event.

    Args:
        console: where.
        url: of the HTTP API.
        item_id: of the event.
        options: of curl, which authorize the request.
    """
    command = " ".join(
        [
            f"curl -s {url}/v1/sessions/me/events",
            *options,
            f'-H \'content-type: application/json\' -d \'{{"events":[{{"item_id":"{item_id}"}}]}}\'',
        ]
    )
    console.print("\nTry it:")
    console.print(command, soft_wrap=True, highlight=False, markup=False)


def wait_for_interrupt(
    console: Console, renew: Callable[[], None] | None = None, *, every_seconds: float = 0.0
) -> None:
    """Wait for Ctrl-C; meanwhile call `renew` at intervals."""
    never, due = threading.Event(), time.monotonic() + every_seconds
    try:
        console.print("\nPress Ctrl-C to stop.")
        while not never.wait(WAKE_SECONDS):
            if renew is not None and time.monotonic() >= due:
                renew()
                due = time.monotonic() + every_seconds
    except KeyboardInterrupt:
        console.print("Stopping every process ...")
