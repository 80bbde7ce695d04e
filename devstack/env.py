"""``python -m devstack env``: how to reach the stack that runs here, as exports for a shell.

With them the AWS CLI, `nextitem` and curl do here what they do against a deployed stack, and nothing reaches AWS.
Knows no process and no bucket, only where they are.
"""

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from devstack.processes.errors import StackError
from devstack.services.bucket import ACCESS_KEY, REGION
from devstack.top.log_tail import running_stack

EXPORTS = "exports.sh"
"""In the stack's directory."""
EXIT_FAILED = 1


def write_exports(directory: Path, *, api: str, bucket_endpoint: str, others: Mapping[str, str]) -> None:
    """Write a stack's exports into its directory.

    Args:
        directory: of the stack.
        api: URL of the HTTP API, which is the Invoke API's endpoint, too.
        bucket_endpoint: of S3, and of all other services of AWS that there are.
        others: more variables.
    """
    variables = {
        "API_URL": api,
        **others,
        "AWS_ENDPOINT_URL": bucket_endpoint,
        "AWS_ENDPOINT_URL_LAMBDA": api,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_PAGER": "",  # version 2 of the AWS CLI would wait for a key
    }
    text = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    (directory / EXPORTS).write_text(text, encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m devstack env",
        description='How to reach the stack that was started last here: eval "$(python -m devstack env)"',
    )
    parser.parse_args(arguments)
    try:
        sys.stdout.write((running_stack() / EXPORTS).read_text(encoding="utf-8"))
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILED
    except FileNotFoundError:
        sys.stderr.write("The stack that was started last is not up yet.\n")
        return EXIT_FAILED
    return 0
