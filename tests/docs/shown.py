"""What a document shows of a terminal: commands with what they print, run again and compared.

In a block of the language ``console`` a line that begins with ``$ `` is a command, those with ``> `` after it go on
with it, the lines after these are its output, and ``...`` stands for lines that were left out.
"""

import itertools
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMANDS_SECONDS = 900.0
"""Some learn a model, on a machine that may be busy."""
_END = re.compile(r"^@@ (\d+)\n", re.MULTILINE)
_LEFT_OUT = "..."
_VERSION = re.compile(r"\bv[0-9a-f]{16}\b")
_VALUES = (
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "ID"),
    (re.compile(r"\b\d{4}-\d\d-\d\d(T[0-9:.+Z]+)?"), "DATE"),
    (re.compile(r"\d\d:\d\d:\d\d"), "TIME"),
    (re.compile(r"-?\d+\.\d+"), "NUMBER"),
    (re.compile(r"\b\d{2,}\b"), "NUMBER"),
)


@dataclass(frozen=True)
class Shown:
    """A command, and the lines that it is shown to print."""

    command: str
    output: tuple[str, ...]


@dataclass(frozen=True)
class Printed:
    """What a command printed, and its exit code."""

    output: tuple[str, ...]
    status: int


def shown_in(document: Path) -> list[Shown]:
    """Return the commands of a document, in their order."""
    found: list[Shown] = []
    for block in BLOCK.findall(document.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            first, *rest = part.rstrip("\n").split("\n")
            more = list(itertools.takewhile(lambda line: line.startswith("> "), rest))
            found.append(Shown("\n".join([first, *(line[2:] for line in more)]), tuple(rest[len(more) :])))
    return found


def run(commands: Sequence[str], environment: Mapping[str, str], directory: Path) -> list[Printed]:
    """Run commands one after the other in one bash; a command that fails does not keep the next from being run."""
    script = "set -o pipefail\n" + "".join(f'{{\n{command}\n}} 2>&1\necho "@@ $?"\n' for command in commands)
    with subprocess.Popen(
        ["bash", "-c", script],  # noqa: S607 - the one on PATH, as for a person
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env=environment,
        cwd=directory,
        start_new_session=True,
    ) as shell:
        try:
            text, _ = shell.communicate(timeout=COMMANDS_SECONDS)
        finally:
            _end_group(shell.pid)
    parts = _END.split(text)
    return [
        Printed(tuple(output.rstrip("\n").split("\n")) if output.strip() else (), int(status))
        for output, status in zip(parts[0::2], parts[1::2], strict=False)
    ]


def with_versions_lettered(outputs: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return a page's outputs with its model versions called A, B … as they come: which is which must be as shown."""
    letters: dict[str, str] = {}

    def letter(found: re.Match[str]) -> str:
        return letters.setdefault(found[0], f"VERSION {chr(ord('A') + len(letters))}")

    return [[_VERSION.sub(letter, line) for line in output] for output in outputs]


def normal(line: str) -> str:
    """Return a line without what differs from one run to the next: ids, times, numbers of several digits."""
    for pattern, name in _VALUES:
        line = pattern.sub(name, line)
    return " ".join(line.split())


def fits(shown: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether all lines that are shown were printed in that order, and no others but where some were left out."""
    lines = [normal(line) for line in printed]
    wanted = [normal(line) for line in shown]
    place, gap = 0, False
    for line in wanted:
        if line == _LEFT_OUT:
            gap = True
            continue
        try:
            found = lines.index(line, place)
        except ValueError:
            return False
        if found != place and not gap:
            return False
        place, gap = found + 1, False
    return gap or place == len(lines)


def _end_group(number: int) -> None:
    """End what a command has left in the background."""
    try:
        os.killpg(number, signal.SIGKILL)
    except ProcessLookupError:
        return
