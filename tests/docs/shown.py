"""Read terminal sessions in documents, run their commands again, and compare the output.

In a block of the language ``console``, a line that begins with ``$ `` is a command, lines with ``> `` continue it, the
lines after them are its output, and ``...`` stands for omitted lines.
"""

import itertools
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMANDS_SECONDS = 900.0
"""Some commands train a model, on a machine that may be busy."""
_END = re.compile(r"^@@ (\d+) ([\d.]+) ([\d.]+)\n", re.MULTILINE)
_OMITTED = "..."
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
    """A command in a document, with its output there."""

    command: str
    output: tuple[str, ...]


@dataclass(frozen=True)
class Printed:
    """The output of a command that was run, its exit code, and the seconds it took."""

    output: tuple[str, ...]
    status: int
    seconds: float = field(default=0.0, compare=False)


def shown_in(document: Path) -> list[Shown]:
    """Return the commands of a document, in order."""
    commands: list[Shown] = []
    for block in BLOCK.findall(document.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            first, *rest = part.rstrip("\n").split("\n")
            more = list(itertools.takewhile(lambda line: line.startswith("> "), rest))
            commands.append(Shown("\n".join([first, *(line[2:] for line in more)]), tuple(rest[len(more) :])))
    return commands


def run(commands: Sequence[str], environment: Mapping[str, str], directory: Path) -> list[Printed]:
    """Run commands one after the other in one bash, also after a command that fails."""
    script = "set -o pipefail\n" + "".join(
        f'begun=$EPOCHREALTIME\n{{\n{command}\n}} 2>&1\nprintf "\\n@@ $? $begun $EPOCHREALTIME\\n"\n'
        for command in commands
    )
    with subprocess.Popen(
        ["bash", "-c", script],  # noqa: S607 - bash of PATH, as for a person
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
        Printed(
            tuple(output.rstrip("\n").split("\n")) if output.strip() else (), int(status), float(end) - float(begun)
        )
        for output, status, begun, end in zip(parts[0::4], parts[1::4], parts[2::4], parts[3::4], strict=False)
    ]


def replace_versions(outputs: Sequence[Sequence[str]]) -> list[list[str]]:
    """Replace model versions by VERSION A, VERSION B and so on, in order of appearance."""
    letters: dict[str, str] = {}

    def letter(match: re.Match[str]) -> str:
        return letters.setdefault(match[0], f"VERSION {chr(ord('A') + len(letters))}")

    return [[_VERSION.sub(letter, line) for line in output] for output in outputs]


def normalise(line: str) -> str:
    """Replace ids, times and numbers of several digits, which differ from run to run."""
    for pattern, name in _VALUES:
        line = pattern.sub(name, line)
    return " ".join(line.split())


def matches(shown: Sequence[str], printed: Sequence[str]) -> bool:
    """Return whether the printed lines are those shown, in that order, with others only in place of `...`."""
    lines = [normalise(line) for line in printed]
    expected = [normalise(line) for line in shown]
    place, gap = 0, False
    for line in expected:
        if line == _OMITTED:
            gap = True
            continue
        try:
            index = lines.index(line, place)
        except ValueError:
            return False
        if index != place and not gap:
            return False
        place, gap = index + 1, False
    return gap or place == len(lines)


def _end_group(number: int) -> None:
    """Kill processes that a command left in the background."""
    try:
        os.killpg(number, signal.SIGKILL)
    except ProcessLookupError:
        return
