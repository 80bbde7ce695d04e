"""Each runbook exists, names its alarms, and its commands print on devstack what it shows."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import pytest

from observability.alarms.catalogue import EVERY_ALARM
from observability.alarms.container import CONTAINER_ALARMS
from observability.alarms.types import Runbook
from tests.docs.shown import matches, replace_versions, run, shown_in

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
NAMES: tuple[str, ...] = get_args(Runbook)
QUOTED = re.compile(r"`([a-z0-9*-]+)`")
STACK_COMMAND = re.compile(r"`python -m devstack (--sessions[^`]*)`")
SH_BLOCK = re.compile(r"^( *)```sh\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
ELSEWHERE = "on aws only, not tried here"
TOOLS = ("bash", "curl", "aws")


def page(name: str) -> str:
    return (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")


def test_each_runbook_of_an_alarm_exists() -> None:
    assert sorted(path.stem for path in RUNBOOKS.glob("*.md") if path.stem != "README") == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_names_the_alarms_that_link_to_it(name: str) -> None:
    # in names on the page, * stands for any characters
    linked = {alarm.name for alarm in (*EVERY_ALARM, *CONTAINER_ALARMS) if alarm.runbook == name}
    patterns = [re.escape(quoted).replace(r"\*", "[a-z0-9-]+") for quoted in QUOTED.findall(page(name))]
    assert linked
    assert {alarm for alarm in linked if not any(re.fullmatch(pattern, alarm) for pattern in patterns)} == set()


@pytest.mark.parametrize("name", NAMES)
def test_commands_to_copy_are_run_or_marked(name: str) -> None:
    text = page(name)
    tried = [shlex.split(shown.command) for shown in shown_in(RUNBOOKS / f"{name}.md")]
    blocks = list(SH_BLOCK.finditer(text))
    assert blocks
    for block in blocks:
        paragraph = text[: block.start()].rstrip().split("\n\n")[-1].replace("\n", " ").lower()
        if ELSEWHERE not in " ".join(paragraph.split()):
            assert [command for command in commands_of(block.group(2)) if not is_part(command, tried)] == []


def test_pages_hold_no_paths_of_a_machine() -> None:
    for name in (*NAMES, "README"):
        assert re.findall(r"/(?:root|home|tmp|work|Users)/\S*", page(name)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_commands_print_what_is_shown(name: str, tmp_path: Path) -> None:
    # GIVEN a stack, started with the options on the page
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"this machine lacks {', '.join(missing)}")
    shown = shown_in(RUNBOOKS / f"{name}.md")
    stack_command = STACK_COMMAND.search(page(name))
    assert stack_command is not None
    environment = os.environ | {
        "TMPDIR": str(tmp_path),
        "COLUMNS": "120",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    with running_stack(stack_command.group(1).split(), environment):
        # WHEN the commands are run
        printed = run([each.command for each in shown], environment, ROOT)

    # THEN each succeeds and prints the shown output, except for figures
    assert len(printed) == len(shown)
    wanted = replace_versions([each.output for each in shown])
    outputs = replace_versions([each.output for each in printed])
    for each, got, expected, output in zip(shown, printed, wanted, outputs, strict=True):
        report = f"{each.command}\nprinted\n" + "\n".join(got.output)
        assert got.status == 0, report
        assert matches(expected, output), report


@contextmanager
def running_stack(options: list[str], environment: dict[str, str]) -> Iterator[None]:
    """Start a stack in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "devstack", "--port", "0", *options],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=ROOT,
    ) as stack:
        try:
            assert stack.stdout is not None
            assert any("Ctrl-C" in line for line in iter(stack.stdout.readline, "")), "the stack does not start"
            yield
        finally:
            stack.send_signal(signal.SIGINT)
            stack.communicate()


def commands_of(block: str) -> list[list[str]]:
    """Return the commands of a block as words; an open quote or a final backslash continues a command."""
    commands: list[list[str]] = []
    pending = ""
    for line in block.splitlines():
        pending += line.strip() + "\n"
        if line.endswith("\\") or pending.count("'") % 2:
            continue
        commands.append(shlex.split(pending))
        pending = ""
    assert not pending
    return commands


def is_part(command: list[str], tried: list[list[str]]) -> bool:
    """Return whether a command was run, ignoring whitespace."""
    wanted = "".join("".join(command).split())
    return any(wanted in "".join("".join(words).split()) for words in tried)
