"""``python -m devstack``: start the whole stack on this machine, replay shoppers and serve until Ctrl-C.

``python -m devstack top`` watches a running stack, ``python -m devstack env`` prints how to reach it.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.console import Console
from rich.progress import Progress

from devstack import env
from devstack.publish import best_seller, demo_artifact
from devstack.replay.report import print_samples, replay_table, server_errors
from devstack.replay.shoppers import Visit, replay
from devstack.stack import FUNCTIONS_DIRECTORY, KEY_SECRET, MAX_WORKERS, Stack
from devstack.top import command
from model_export.simulator import Shop
from nextitem.errors import NextItemError

PORT = 3000
LAST_PORT = 65_535
SESSIONS = 300
REPLAY_SEED = 2026
"""Differs from the seed of the training data."""
LOG_LINES = 10
"""Number of lines of the function's log that are shown when a request failed."""
WAKE_SECONDS = 1.0
"""Between two checks for a signal: one that comes just before a wait begins does not end the wait."""
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    signal.signal(signal.SIGTERM, _terminate)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background jobs with it ignored
    if arguments[:1] == ["top"]:
        return command.main(arguments[1:])
    if arguments[:1] == ["env"]:
        return env.main(arguments[1:])
    options = _parser().parse_args(arguments)
    console = Console()
    try:
        return _run(options, console)
    except NextItemError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _run(options: argparse.Namespace, console: Console) -> int:
    shop = Shop()
    artifact = options.artifact or demo_artifact()
    stack = Stack(
        options.functions_dir,
        artifact=artifact,
        python=options.python,
        runtime_path=options.runtime_path,
        max_workers=options.workers,
        port=options.port,
        secret={"current": KEY_SECRET},
    )
    with contextlib.ExitStack() as running:
        with console.status("Starting Valkey, the bucket and the HTTP front ..."):
            running.enter_context(stack)
        console.print(f"Model {stack.version} is live on [bold]{stack.url}[/bold]")
        visits = _replay(stack.url, shop, options.sessions, console)
        if visits:
            print_samples(console, visits, {product.item_id: product.name for product in shop.products})
            console.print()
            console.print(replay_table(visits, stack.cold_starts))
            if server_errors(visits):
                console.print("\nThe last lines of the function's log:")
                console.print("\n".join(stack.log_lines()[-LOG_LINES:]), soft_wrap=True, markup=False)
        _print_invitation(console, stack.url, best_seller(artifact))
        if options.once:
            return EXIT_FAILED if server_errors(visits) else 0
        _wait_for_interrupt(console)
    return 0


def _replay(url: str, shop: Shop, count: int, console: Console) -> Sequence[Visit]:
    if count == 0:
        return ()
    with Progress(console=console) as progress:
        task = progress.add_task(f"Replaying {count} sessions", total=count)
        sessions = shop.sessions(count, seed=REPLAY_SEED)
        return asyncio.run(replay(url, sessions, lambda: progress.advance(task)))


def _print_invitation(console: Console, url: str, item_id: str) -> None:
    command = (
        f"curl -s {url}/v1/sessions/me/events -H 'content-type: application/json' "
        f'-d \'{{"events":[{{"item_id":"{item_id}"}}]}}\''
    )
    console.print("\nTry it:")
    console.print(command, soft_wrap=True, highlight=False, markup=False)


def _wait_for_interrupt(console: Console) -> None:
    never = threading.Event()
    try:
        console.print("\nPress Ctrl-C to stop.")
        while not never.wait(WAKE_SECONDS):
            pass
    except KeyboardInterrupt:
        console.print("Stopping every process ...")


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(EXIT_TERMINATED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m devstack",
        description="Run the whole stack on this machine.",
        epilog="`python -m devstack top` watches a running stack, `python -m devstack env` prints how to reach it.",
    )
    parser.add_argument("--port", type=_port, default=PORT, help=f"port of the HTTP API; 0: a free one ({PORT})")
    parser.add_argument("--workers", type=_positive, default=MAX_WORKERS, help=f"maximum of workers ({MAX_WORKERS})")
    parser.add_argument("--sessions", type=_not_negative, default=SESSIONS, help=f"how many to replay ({SESSIONS})")
    once = os.environ.get("ONCE", "") not in ("", "0")
    parser.add_argument(
        "--once",
        action="store_true",
        default=once,
        help="exit after the table; 1 if a request failed (or ONCE=1)",
    )
    parser.add_argument("--artifact", type=Path, help="model to serve instead of the demo")
    parser.add_argument("--functions-dir", type=Path, default=FUNCTIONS_DIRECTORY, help="its code, or a built artifact")
    parser.add_argument("--python", type=Path, help="interpreter of the workers")
    parser.add_argument("--runtime-path", type=Path, help="directory with awslambdaric for that interpreter")
    return parser


def _not_negative(text: str) -> int:
    if (number := int(text)) < 0:
        raise argparse.ArgumentTypeError(f"{number} is negative")
    return number


def _port(text: str) -> int:
    if (number := _not_negative(text)) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"{number} is not a port: the maximum is {LAST_PORT}")
    return number


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} is not at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
