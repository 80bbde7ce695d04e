"""``python -m devstack``: start the whole stack on this machine, replay shoppers and serve until Ctrl-C.

``python -m devstack top`` watches a running stack, ``python -m devstack env`` prints how to reach it.
"""

import argparse
import contextlib
import os
import re
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

PORT = 3000
LAST_PORT = 65_535
ROUTE_SECONDS = 3
"""How soon the function follows a promotion: sooner than by default, since a person waits for it."""
AUDIENCE = "nextitem"
"""Audience of the tokens, unless --jwt names others."""
ONLY_WITHOUT_TEMPLATE = {
    "items": "use nextitem items publish",
    "workers": "a version has four at most",
    "cors": "use --parameters CorsOrigins=ORIGIN",
    "jwt": "use --parameters JwtIssuer=ISSUER JwtAudience=AUDIENCE",
    "functions_dir": "the local cloud runs the code of functions/",
    "python": "the local cloud runs its functions with its own interpreter",
    "runtime_path": "the local cloud runs its functions with its own interpreter",
}
"""Options that --template excludes, and why."""
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
    _refuse_mixed_modes(parser, options)
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


def _refuse_mixed_modes(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if not options.template:
        if options.parameters is not None:
            parser.error("argument --parameters: needs --template, whose parameters these are")
        return
    for name, reason in ONLY_WITHOUT_TEMPLATE.items():
        if getattr(options, name) is not None:
            parser.error(f"argument --{name.replace('_', '-')}: not with --template: {reason}")


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(EXIT_TERMINATED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m devstack",
        description="Run the whole stack on this machine.",
        epilog="`python -m devstack top` watches a running stack, `python -m devstack env` prints how to reach it.",
    )
    parser.add_argument("--port", type=_port, default=PORT, help=f"port of the HTTP API; 0: a free one ({PORT})")
    parser.add_argument("--workers", type=_positive, help=f"maximum number of workers ({MAX_WORKERS})")
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
        "--items", type=Path, metavar="FILE", help="catalogue to publish instead of the demo's; needs `make install`"
    )
    parser.add_argument(
        "--functions-dir",
        type=Path,
        help="directory of the function's code, or of a built function",
    )
    parser.add_argument("--python", type=Path, help="interpreter of the workers")
    parser.add_argument("--runtime-path", type=Path, help="directory with awslambdaric for that interpreter")
    parser.add_argument(
        "--template",
        action="store_true",
        help="run template.yaml in a local cloud that enforces its policies (Linux; `make install`)",
    )
    parser.add_argument(
        "--parameters",
        type=_parameter,
        nargs="+",
        action="extend",
        metavar="NAME=VALUE",
        help="of template.yaml; the others have their defaults",
    )
    return parser


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text} is not NAME=VALUE")
    return name, value


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
