"""The options of ``python -m devstack``."""

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path

from devstack.replay.demo import SESSIONS
from devstack.stack import MAX_WORKERS

PORT = 3000
LAST_PORT = 65_535
AUDIENCE = "nextitem"
"""Audience of the tokens, unless --jwt names others."""
ONLY_WITHOUT_TEMPLATE = {
    "items": "use nextitem items publish",
    "lake": "use --parameters LakeBuckets=NUMBER",
    "workers": "a version has four at most",
    "cors": "use --parameters CorsOrigins=ORIGIN",
    "jwt": "use --parameters JwtIssuer=ISSUER JwtAudience=AUDIENCE",
    "functions_dir": "the local cloud runs the code of functions/",
    "python": "the local cloud runs its functions with its own interpreter",
    "runtime_path": "the local cloud runs its functions with its own interpreter",
}
"""Options that --template excludes, and why."""
ORIGIN = r"https?://[^,*/]+"


def parse_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command's arguments; a wrong one ends the process with a usage error."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.jwt and not options.jwt[0].startswith("https://"):
        parser.error(f"argument --jwt: an issuer begins with https://, not {options.jwt[0]}")
    _refuse_mixed_modes(parser, options)
    return options


def _refuse_mixed_modes(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if not options.template:
        if options.parameters is not None:
            parser.error("argument --parameters: needs --template, whose parameters these are")
        return
    for name, reason in ONLY_WITHOUT_TEMPLATE.items():
        if getattr(options, name) is not None:
            parser.error(f"argument --{name.replace('_', '-')}: not with --template: {reason}")


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
        "--lake", action="store_true", default=None, help="collect all events in the bucket; needs `make install`"
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
