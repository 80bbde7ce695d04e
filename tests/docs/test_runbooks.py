"""Every runbook is there, names its alarms, and its commands do on devstack what it shows."""

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
from observability.alarms.types import Runbook
from tests.docs.shown import fits, run, shown_in, with_versions_lettered

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


def test_there_is_a_runbook_for_each_name_that_an_alarm_can_link_to() -> None:
    assert sorted(path.stem for path in RUNBOOKS.glob("*.md") if path.stem != "README") == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_names_the_alarms_that_link_to_it(name: str) -> None:
    # GIVEN the alarms of a runbook, and the names on its page, where * stands for a part
    linked = {alarm.name for alarm in EVERY_ALARM if alarm.runbook == name}
    patterns = [re.escape(quoted).replace(r"\*", "[a-z0-9-]+") for quoted in QUOTED.findall(page(name))]
    # THEN each alarm is among them
    assert linked
    assert {alarm for alarm in linked if not any(re.fullmatch(pattern, alarm) for pattern in patterns)} == set()


@pytest.mark.parametrize("name", NAMES)
def test_a_command_to_copy_was_tried_or_says_that_it_was_not(name: str) -> None:
    # GIVEN what a runbook shows to have been run, and the blocks to copy from
    text = page(name)
    tried = [shlex.split(shown.command) for shown in shown_in(RUNBOOKS / f"{name}.md")]
    blocks = list(SH_BLOCK.finditer(text))
    # THEN each command of a block is among the former, unless the paragraph before says why not
    assert blocks
    for block in blocks:
        said = text[: block.start()].rstrip().split("\n\n")[-1].replace("\n", " ").lower()
        if ELSEWHERE not in " ".join(said.split()):
            assert [command for command in commands_of(block.group(2)) if not is_part(command, tried)] == []


def test_nothing_on_the_pages_is_of_the_machine_that_they_were_written_on() -> None:
    for name in (*NAMES, "README"):
        assert re.findall(r"/(?:root|home|tmp|work|Users)/\S*", page(name)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_commands_do_what_is_shown(name: str, tmp_path: Path) -> None:
    # GIVEN a stack, started as the page says
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"a person on call has {', '.join(missing)}; this machine has not")
    shown = shown_in(RUNBOOKS / f"{name}.md")
    found = STACK_COMMAND.search(page(name))
    assert found is not None
    environment = os.environ | {
        "TMPDIR": str(tmp_path),
        "COLUMNS": "120",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    with stack_of(found.group(1).split(), environment):
        # WHEN its commands are run as they are written
        printed = run([each.command for each in shown], environment, ROOT)

    # THEN each succeeds and prints what is shown, but for figures
    assert len(printed) == len(shown)
    wanted = with_versions_lettered([each.output for each in shown])
    outputs = with_versions_lettered([each.output for each in printed])
    for each, got, expected, output in zip(shown, printed, wanted, outputs, strict=True):
        told = f"{each.command}\nprinted\n" + "\n".join(got.output)
        assert got.status == 0, told
        assert fits(expected, output), told


@contextmanager
def stack_of(options: list[str], environment: dict[str, str]) -> Iterator[None]:
    """A stack in a process of its own, as a person starts it."""
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
    """The commands of a block to copy, as words; one goes on where a quote is open or a line ends in a backslash."""
    found: list[list[str]] = []
    pending = ""
    for line in block.splitlines():
        pending += line.strip() + "\n"
        if line.endswith("\\") or pending.count("'") % 2:
            continue
        found.append(shlex.split(pending))
        pending = ""
    assert not pending
    return found


def is_part(command: list[str], tried: list[list[str]]) -> bool:
    """Whether a command was run, whatever whitespace its words are broken by."""
    wanted = "".join("".join(command).split())
    return any(wanted in "".join("".join(words).split()) for words in tried)
