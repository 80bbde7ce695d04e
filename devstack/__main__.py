"""``python -m devstack``: start the whole stack on this machine, replay shoppers and serve until Ctrl-C.

``python -m devstack top`` watches a running stack, ``python -m devstack env`` prints how to reach it.
"""

import argparse
import contextlib
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.console import Console

from devstack import env
from devstack.api_gateway.cors import Cors
from devstack.api_gateway.jwt_authorizer import JwtAuthorizer
from devstack.console.backend import Backend
from devstack.console.pages import console_pages
from devstack.demo_catalogue import TRENDING_FIELD, write_demo_catalogue
from devstack.openapi import site
from devstack.options import AUDIENCE, parse_options
from devstack.processes.errors import StackError
from devstack.publish import demo_artifact, earlier_artifact, most_popular_item
from devstack.replay.demo import (
    REPLAY_SEED,
    SESSIONS,
    print_invitation,
    replay_sessions,
    show_replay,
    wait_for_interrupt,
)
from devstack.replay.report import server_errors
from devstack.replay.shoppers import Authorization
from devstack.stack import FUNCTIONS_DIRECTORY, KEY_SECRET, MAX_WORKERS, Stack
from devstack.top import command
from model_export.simulator import Shop
from model_export.training.run_folder import refuse_run
from nextitem.errors import NextItemError

ROUTE_SECONDS = 3
"""How soon the function follows a promotion: sooner than by default, since a person waits for it."""
LAKE_BUCKETS = 8
"""Streams of the event lake with --lake: each makes files of its own."""
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
    options = parse_options(arguments)
    console = Console()
    try:
        return _run(options, console)
    except NextItemError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _run(options: argparse.Namespace, console: Console) -> int:
    artifact = options.artifact or demo_artifact()
    refuse_run(artifact)
    if options.template:
        return _run_template(options, artifact, console)
    backend = Backend(list(Shop().sessions(options.sessions or SESSIONS, seed=REPLAY_SEED)))
    stack = Stack(
        options.functions_dir or FUNCTIONS_DIRECTORY,
        artifact=artifact,
        python=options.python,
        runtime_path=options.runtime_path,
        max_workers=options.workers or MAX_WORKERS,
        port=options.port,
        jwt=JwtAuthorizer(options.jwt[0], tuple(options.jwt[1:]) or (AUDIENCE,)) if options.jwt else None,
        cors=Cors(tuple(options.cors)) if options.cors else None,
        secret={"current": KEY_SECRET},
        settings={"NEXTITEM_ROUTE_TTL_SECONDS": str(ROUTE_SECONDS), "NEXTITEM_TRENDING_FIELD": TRENDING_FIELD},
        observe=backend.calls.observe,
        earlier=None if options.artifact else earlier_artifact(),
        catalogue=_catalogue(options),
        lake_buckets=_lake_buckets(options),
        exclude_seen=True,  # as a shop would: its carousel shows what the visitor has not seen
        pages=[*console_pages(backend), *site.pages()],
    )
    with contextlib.ExitStack() as running:
        with console.status("Starting Valkey, the bucket and the HTTP front ..."):
            running.enter_context(stack)
        backend.attach(stack)
        console.print(f"Model {stack.version} is live on [bold]{stack.url}[/bold]")
        if not options.once:
            console.print(
                f"Open the demo shop: [bold]{stack.url}/[/bold]   its console: [bold]{stack.url}/console[/bold]"
            )
        if stack.lake:
            console.print(f"The event lake, collected each second: s3://{stack.bucket}/lake")
        token = next(iter(stack.tokens.values()), None)
        visits = replay_sessions(stack.url, options.sessions, console, _bearer(token) if token else None)
        show_replay(console, visits, stack.cold_starts, stack.log_lines)
        if options.once:
            return EXIT_FAILED if server_errors(visits) else 0
        for name, value in stack.tokens.items():
            console.print(f"\n{name}={value}", soft_wrap=True, highlight=False, markup=False)
        authorization = [f'-H "authorization: Bearer ${name}"' for name in list(stack.tokens)[:1]]
        console.print(f"\nThe API for people: {stack.url}/docs", soft_wrap=True)
        print_invitation(console, stack.url, most_popular_item(artifact), *authorization)
        wait_for_interrupt(console)
    return 0


def _run_template(options: argparse.Namespace, artifact: Path, console: Console) -> int:
    """Run the local cloud, whose imports take longer than the demo's and need more packages.

    Raises:
        StackError: a package is missing.
    """
    try:
        from devstack.cloud import command as cloud_command
    except ModuleNotFoundError as error:
        raise _packages_missing("--template", error) from error
    return cloud_command.run(
        dict(options.parameters or ()),
        artifact=artifact,
        port=options.port,
        sessions=options.sessions,
        once=options.once,
        console=console,
    )


def _catalogue(options: argparse.Namespace) -> Callable[[Path], object] | None:
    """Return what writes the catalogue. A model of another shop has none, unless it is given its items."""
    if options.items:
        return lambda path: _build_catalogue(options.items, path)
    return None if options.artifact else write_demo_catalogue


def _lake_buckets(options: argparse.Namespace) -> int:
    """Return the number of the lake's streams.

    Raises:
        StackError: a package of the collector is missing.
    """
    if not options.lake:
        return 0
    try:
        import model_export.lake.collector  # noqa: F401 - only whether it can be imported
    except ModuleNotFoundError as error:
        raise _packages_missing("--lake", error) from error
    return LAKE_BUCKETS


def _build_catalogue(items: Path, path: Path) -> None:
    """Write the catalogue of a file of items.

    Raises:
        StackError: a package is missing.
        nextitem.errors.InputError: the file is wrong.
    """
    try:
        from model_export.data.items.build import build_catalogue
    except ModuleNotFoundError as error:
        raise _packages_missing("--items", error) from error
    build_catalogue(items, path)


def _packages_missing(option: str, error: ModuleNotFoundError) -> StackError:
    package = str(error.name).partition(".")[0]
    return StackError(
        f"{option} needs packages that the demo does not, such as {package}: `make install` installs them."
    )


def _bearer(token: str) -> Authorization:
    return lambda *_: {"authorization": f"Bearer {token}"}


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(EXIT_TERMINATED)


if __name__ == "__main__":
    sys.exit(main())
