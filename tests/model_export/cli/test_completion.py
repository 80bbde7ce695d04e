"""Completion in a real bash."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

COMPLETE = """
eval "$(nextitem --show-completion)"
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
[[ $(complete -p nextitem) == *-F*_nextitem_completion* ]] && _nextitem_completion nextitem
printf '%s\n' "${{COMPREPLY[@]}}"
"""
"""What bash does when a person presses the tab key after these words."""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("nextitem", "ver"), ["versions"]),
        (("nextitem", "recommend", "--ex"), ["--exclude-seen"]),
        (("nextitem", "prepare", "--engine", ""), ["duckdb", "spark"]),
        (("nextitem", "--sh"), ["--show-completion"]),
    ],
    ids=" ".join,
)
@pytest.mark.slow
def test_bash_completes_commands_options_and_choices(words: tuple[str, ...], expected: list[str]) -> None:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "--norc", "-c", COMPLETE.format(words=shlex.join(words))],  # noqa: S607 - bash of PATH, as for a person
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": programs},
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split() == expected
