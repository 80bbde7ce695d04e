"""``python -m devstack``: start the whole stack on this machine, replay shoppers and serve until Ctrl-C.

``python -m devstack top`` watches a running stack, ``python -m devstack env`` prints how to reach it.
"""

import argparse
import asyncio
import contextlib
import os
import re
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.console import Console
from rich.progress import Progress

from devstack import env
from devstack.api_gateway.cors import Cors
from devstack.api_gateway.jwt_authorizer import JwtAuthorizer
from devstack.console.backend import Backend
from devstack.console.pages import console_pages
from devstack.openapi import site
from devstack.publish import demo_artifact, earlier_artifact, most_popular_item
from devstack.replay.report import print_samples, replay_table, server_errors
from devstack.replay.shoppers import Visit, replay
from devstack.stack import FUNCTIONS_DIRECTORY, KEY_SECRET, MAX_WORKERS, Stack
from devstack.top import command
from model_export.simulator import Shop
from model_export.training.run_folder import refuse_run
from nextitem.errors import NextItemError

PORT = 3000
LAST_PORT = 65_535
SESSIONS = 300
REPLAY_SEED = 2026
"""Differs from the seed of the training data."""
ROUTE_SECONDS = 3
"""How soon the function follows a promotion: sooner than by default, since a person waits for it."""
LOG_LINES = 10
"""Number of lines of the function's log that are shown when a request failed."""
WAKE_SECONDS = 1.0
"""Seconds between two checks for a signal. A signal that arrives just before a wait does not end the wait."""
AUDIENCE = "nextitem"
"""Audience of the tokens, unless --jwt names others."""
ORIGIN = r"https?://[^,*/]+"
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
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.jwt and not options.jwt[0].startswith("https://"):
        parser.error(f"argument --jwt: an issuer begins with https://, not {options.jwt[0]}")
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
    refuse_run(artifact)
    backend = Backend(shop, list(shop.sessions(options.sessions or SESSIONS, seed=REPLAY_SEED)))
    stack = Stack(
        options.functions_dir,
        artifact=artifact,
        python=options.python,
        runtime_path=options.runtime_path,
        max_workers=options.workers,
        port=options.port,
        jwt=JwtAuthorizer(options.jwt[0], tuple(options.jwt[1:]) or (AUDIENCE,)) if options.jwt else None,
        cors=Cors(tuple(options.cors)) if options.cors else None,
        secret={"current": KEY_SECRET},
        settings={"NEXTITEM_ROUTE_TTL_SECONDS": str(ROUTE_SECONDS)},
        observe=backend.calls.observe,
        earlier=None if options.artifact else earlier_artifact(),
        exclude_seen=True,  # as a shop would: its carousel shows what the visitor has not seen
        pages=[*console_pages(backend), *site.pages()],
    )
    with contextlib.ExitStack() as running:
        with console.status("Starting Valkey, the bucket and the HTTP front ..."):
            running.enter_context(stack)
        backend.attach(stack)
        console.print(f"Model {stack.version} is live on [bold]{stack.url}[/bold]")
        if not options.once:
            console.print(f"Open the demo shop: [bold]{stack.url}/[/bold]")
        token = next(iter(stack.tokens.values()), None)
        visits = _replay(stack.url, token, shop, options.sessions, console)
        if visits:
            print_samples(console, visits, {product.item_id: product.name for product in shop.products})
            console.print()
            console.print(replay_table(visits, stack.cold_starts))
            if server_errors(visits):
                console.print("\nThe last lines of the function's log:")
                console.print("\n".join(stack.log_lines()[-LOG_LINES:]), soft_wrap=True, markup=False)
        if options.once:
            return EXIT_FAILED if server_errors(visits) else 0
        _print_invitation(console, stack.url, most_popular_item(artifact), stack.tokens)
        _wait_for_interrupt(console)
    return 0


def _replay(url: str, token: str | None, shop: Shop, count: int, console: Console) -> Sequence[Visit]:
    if count == 0:
        return ()
    with Progress(console=console) as progress:
        task = progress.add_task(f"Replaying {count} sessions", total=count)
        sessions = shop.sessions(count, seed=REPLAY_SEED)
        return asyncio.run(replay(url, sessions, lambda: progress.advance(task), token=token))


def _print_invitation(console: Console, url: str, item_id: str, tokens: Mapping[str, str]) -> None:
    for name, token in tokens.items():
        console.print(f"\n{name}={token}", soft_wrap=True, highlight=False, markup=False)
    authorization = f'-H "authorization: Bearer ${next(iter(tokens))}" ' if tokens else ""
    command = (
        f"curl -s {url}/v1/sessions/me/events {authorization}-H 'content-type: application/json' "
        f'-d \'{{"events":[{{"item_id":"{item_id}"}}]}}\''
    )
    console.print(f"\nThe API for people: {url}/docs", soft_wrap=True)
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
    parser.add_argument(
        "--workers", type=_positive, default=MAX_WORKERS, help=f"maximum number of workers ({MAX_WORKERS})"
    )
    parser.add_argument("--sessions", type=_not_negative, default=SESSIONS, help=f"sessions to replay ({SESSIONS})")
    once = os.environ.get("ONCE", "") not in ("", "0")
    parser.add_argument(
        "--once",
        action="store_true",
        default=once,
        help="exit after the replay, with exit code 1 if a request failed; ONCE=1 does the same",
    )
    parser.add_argument(
        "--cors",
        type=_origin,
        action="append",
        metavar="ORIGIN",
        help="allow the pages of this origin to call the API; may be repeated",
    )
    parser.add_argument(
        "--jwt",
        nargs="+",
        metavar=("ISSUER", "AUDIENCE"),
        help=f"demand a token of this issuer for one of these audiences ({AUDIENCE}); prints two tokens",
    )
    parser.add_argument("--artifact", type=Path, help="model to serve instead of the demo")
    parser.add_argument(
        "--functions-dir",
        type=Path,
        default=FUNCTIONS_DIRECTORY,
        help="directory of the function's code, or of a built function",
    )
    parser.add_argument("--python", type=Path, help="interpreter of the workers")
    parser.add_argument("--runtime-path", type=Path, help="directory with awslambdaric for that interpreter")
    return parser


def _origin(text: str) -> str:
    if not re.fullmatch(ORIGIN, text):
        raise argparse.ArgumentTypeError(f"{text} is not an origin; write it as a browser does: http://localhost:8000")
    return text


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
