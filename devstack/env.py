"""``python -m devstack env``: print how to reach the running stack, as exports for a shell.

With them the AWS CLI, `nextitem` and curl work here as against a deployed stack, and nothing reaches AWS.
"""

import argparse
import fcntl
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from devstack.processes.errors import StackError

DIRECTORY_PREFIX = "devstack-"
"""Prefix of a stack's directory among the temporary files."""
EXPORTS = "exports.sh"
"""File in the stack's directory with the exports for a shell."""
_OF_ONE_KIND = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_LAMBDA", "AWS_SESSION_TOKEN")
"""Variables that a shell may still have from a stack of the other kind, where they would mislead."""
EXIT_FAILED = 1


def write_exports(
    directory: Path, variables: Mapping[str, str], region: str, functions: Mapping[str, str] | None = None
) -> None:
    """Write a stack's exports into its directory.

    Args:
        directory: of the stack.
        variables: of the stack.
        region: of AWS.
        functions: of a shell: the body of each, by name.
    """
    exported = {
        **variables,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_PAGER": "",  # version 2 of the AWS CLI would wait for a key
    }
    unset = [name for name in _OF_ONE_KIND if name not in exported]
    lines = [f"unset {' '.join(unset)}"] if unset else []
    lines += [f"export {name}={shlex.quote(value)}" for name, value in exported.items()]
    lines += [f"{name}() {{ {body}; }}" for name, body in (functions or {}).items()]
    (directory / EXPORTS).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


@contextmanager
def marked_as_running(directory: Path) -> Iterator[None]:
    """Hold a lock on a stack's directory. The kernel releases it when the process ends, however it ends."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_running(directory: Path) -> bool:
    """Return whether a process holds the directory's lock. One that was killed leaves its directory behind."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError:  # another user's, or removed meanwhile
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def running_stack() -> Path:
    """Return the directory of the stack that was started last, of those that still run.

    Raises:
        StackError: no stack is running.
    """
    candidates = Path(tempfile.gettempdir()).glob(f"{DIRECTORY_PREFIX}*")
    directories = [directory for directory in candidates if directory.is_dir() and _is_running(directory)]
    if not directories:
        raise StackError("No stack is running here: `make run` starts one, --logs names the directory of another.")
    return max(directories, key=lambda directory: directory.stat().st_ctime)


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m devstack env",
        description='Print how to reach the stack that was started last: eval "$(python -m devstack env)"',
    )
    parser.parse_args(arguments)
    try:
        sys.stdout.write((running_stack() / EXPORTS).read_text(encoding="utf-8"))
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILED
    except FileNotFoundError:
        sys.stderr.write("The stack that was started last is not up yet; try again in a second.\n")
        return EXIT_FAILED
    return 0
