"""Every command of the documents works in a clean copy of the tree, or the table says why it is not tried.

The table is `commands.toml`. Runbooks have their own test (`test_runbooks.py`), which also compares the output.
"""

import os
import re
import shutil
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.smoke import FIRST, SMALL
from tests.building import ROOT
from tests.docs.documented import Command, is_shown_by, is_written_as, read, unmarked_blocks
from tests.docs.shown import run
from tests.planted_faults.__main__ import copy_tree

TABLE = Path(__file__).parent / "commands.toml"
EVERYWHERE = "everywhere"
READMES = [ROOT / "README.md", ROOT / "tests" / "README.md", *sorted(ROOT.glob("clients/*/README.md"))]
PAGES = {
    str(path.relative_to(ROOT)): path
    for path in (*READMES, *sorted((ROOT / "docs").rglob("*.md")))
    if path.parent.name != "runbooks"
}
REPORTS = ROOT / ".build" / "documented_commands"
BENCHMARK = re.compile(r"python -m (bench(?:\.\w+)*)")
PREFACE = """
start_stack() {
  ONCE= python -m devstack --port 0 "$@" > stack.log 2>&1 &
  trap "kill $!; wait $!" EXIT
  timeout 120 bash -c 'until grep -q Ctrl-C stack.log; do sleep 0.1; done' || { cat stack.log; return 1; }
}
"""


@dataclass(frozen=True)
class Entry:
    """A line of the table: what to run for a shown command, or why not; `needs` is a program that may be missing."""

    shown: str
    run: str = ""
    skip: str = ""
    needs: str = ""

    @property
    def command(self) -> str:
        """The command that runs."""
        return self.run or self.shown


def read_table() -> tuple[dict[str, list[Entry]], dict[str, list[str]]]:
    """Return the entries of each page, and the commands that prepare it."""
    sections = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    entries = {page: [Entry(**entry) for entry in section["commands"]] for page, section in sections.items()}
    return entries, {page: section.get("setup", []) for page, section in sections.items()}


ENTRIES, SETUP = read_table()
RUN = [
    *(entry.command for entries in ENTRIES.values() for entry in entries if not entry.skip),
    *(command for commands in SETUP.values() for command in commands),
]


def is_covered(page: str, command: Command) -> bool:
    """Return whether the table has an entry for a command, or it needs none."""
    places = (page, EVERYWHERE)
    if any(is_written_as(entry.shown, command.text) for place in places for entry in ENTRIES.get(place, ())):
        return True
    benchmark = BENCHMARK.match(command.text)
    if benchmark:
        return is_small_benchmark(benchmark[1], command.text)
    return command.is_quoted and any(is_shown_by(command.text, text) for text in RUN)


def is_small_benchmark(module: str, text: str) -> bool:
    """Return whether `make bench ARGS=--smoke` runs a benchmark, and it has the options of a text."""
    path = ROOT / module.replace(".", "/")
    source = (path / "__main__.py" if path.is_dir() else path.with_suffix(".py")).read_text()
    for helper in (
        "bench/engine/catalogue.py",
        "bench/common/options.py",
        "bench/function/trees.py",
        "bench/training/ablation.py",
    ):
        source += (ROOT / helper).read_text()
    options = [word for word in text.split() if word.startswith("--") and word != "--help"]
    return module in {*FIRST, *SMALL} and all(f'"{option}"' in source for option in options)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_run_or_has_a_reason(page: str) -> None:
    missing = [command.text for command in read(PAGES[page]) if not is_covered(page, command)]
    assert missing == [], (
        f'{page} shows commands that no test runs. Add each to ["{page}"] in {TABLE.name}: '
        "{ shown = ..., run = ... } with a small size, or skip = the reason."
    )


@pytest.mark.parametrize("page", PAGES)
def test_commands_stand_in_blocks_of_sh(page: str) -> None:
    assert unmarked_blocks(PAGES[page].read_text(encoding="utf-8")) == [], "begin the block with ```sh"


def test_every_entry_is_of_a_command_that_is_shown() -> None:
    shown = {page: {command.text for command in read(path)} for page, path in PAGES.items()}
    shown[EVERYWHERE] = set().union(*shown.values())
    unused = [
        (page, entry.shown)
        for page, entries in ENTRIES.items()
        for entry in entries
        if not any(is_written_as(entry.shown, text) for text in shown[page])
    ]
    assert unused == [], f"remove these from {TABLE.name}: no page shows them"


@pytest.mark.parametrize("page", [page for page in ENTRIES if page != EVERYWHERE])
def test_commands_run_in_the_order_of_the_page(page: str) -> None:
    blocks = [command.text for command in read(PAGES[page]) if not command.is_quoted]
    listed = [entry.shown for entry in ENTRIES[page] if entry.shown in blocks]
    assert listed == [text for text in blocks if text in listed]


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page, entries in ENTRIES.items() if any(not entry.skip for entry in entries)]
)
def test_the_commands_of_a_page_work(page: str, tmp_path: Path) -> None:
    # GIVEN a clean copy of the tree, with the packages of this environment
    tree = copy_tree(tmp_path / "tree")
    (tree / ".venv").symlink_to(sys.prefix)
    entries = [entry for entry in ENTRIES[page] if not entry.skip]
    missing = {entry.needs for entry in entries if entry.needs and not shutil.which(entry.needs)}
    commands = [*SETUP[page], *(entry.command for entry in entries if entry.needs not in missing)]
    # WHEN the commands of the page run in one shell
    printed = run([PREFACE, *commands], environment_of(tree, tmp_path), tree)[1:]
    lines = [f"exit {each.status}  {each.seconds:5.1f} s  {text}" for each, text in zip(printed, commands, strict=True)]
    lines += [f"left out without {entry.needs}: {entry.command}" for entry in entries if entry.needs in missing]
    REPORTS.mkdir(parents=True, exist_ok=True)
    (REPORTS / f"{page.replace('/', '-')}.txt").write_text("\n".join([*lines, ""]))
    sys.stdout.write("\n".join(["", page, *lines, ""]))
    # THEN each succeeds
    failed = [(text, each) for text, each in zip(commands, printed, strict=True) if each.status]
    assert not failed, "\n".join([*lines, *(line for text, each in failed for line in (text, *each.output))])


def environment_of(tree: Path, scratch: Path) -> dict[str, str]:
    """Return the environment of a clean shell in a copy of the tree. make installs nothing: all is there."""
    scratch.joinpath("home").mkdir()
    kept = {name: os.environ[name] for name in ("LANG", "JAVA_HOME", "SSL_CERT_FILE") if name in os.environ}
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return {
        **kept,
        **pip,
        "PATH": os.pathsep.join([str(tree / ".venv" / "bin"), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([str(tree / "functions"), str(tree)]),
        "HOME": str(scratch / "home"),
        "TMPDIR": str(scratch),
        "COLUMNS": "120",
        "OMP_NUM_THREADS": "1",
        "MAKEFLAGS": "INSTALLED= DEMO_INSTALLED=",
    }
