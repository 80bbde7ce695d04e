"""The help of the command line; it must not import torch."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.core import TyperArgument, TyperOption

from model_export.cli.app import app
from model_export.cli.command_tree import commands_of
from tests.model_export.cli.commandline import done, nextitem
from tests.model_export.tiny import exported, random_run

COLUMNS = (
    *("--preset", "--session-column", "--item-column", "--time-column", "--user-column", "--gap-minutes"),
    *("--input-format", "--delimiter", "--no-header", "--no-quotes", "--time-offset-column"),
)

OPTIONS: dict[str, tuple[str, ...]] = {
    "simulate": (
        "--out",
        "--items-out",
        "--types",
        "--arrivals",
        "--sold-out",
        "--sessions",
        "--products",
        "--seed",
        "--start",
        "--json",
    ),
    "split": ("--train-out", "--test-out", "--test-days", *COLUMNS, "--json"),
    "prepare": (
        *("--out", "--engine", "--min-support", "--min-session", "--max-session", "--test-days", "--format"),
        *COLUMNS,
        *("--spark-conf", "--scratch", "--json"),
    ),
    "presets": ("--json",),
    "tune": ("--out", "--minutes", "--trials", "--config", *COLUMNS, "--json"),
    "train": (
        "--out",
        "--config",
        "--mlflow",
        "--epochs",
        "--hidden",
        "--layers",
        "--loss",
        "--validation-days",
        "--seed",
        *COLUMNS,
        "--json",
    ),
    "export": ("--out", "--min-overlap", "--max-hr-loss", "--json"),
    "evaluate": ("--events", "--train", "--json", "--ranks", "--report", "--run", "--prequential", *COLUMNS),
    "compare": ("--events", "--exclude-seen", *COLUMNS, "--json"),
    "recommend": ("--limit", "--exclude-seen", "--names", "--json"),
    "explain": ("--limit", "--exclude-seen", "--names", "--json"),
    "batch": ("--artifact", "--out", "--limit", "--exclude-seen", "--processes", *COLUMNS, "--json"),
    "init": ("--bucket", "--region", "--endpoint-url", "--route", "--store-url", "--force", *COLUMNS),
    "doctor": ("--bucket", "--region", "--endpoint-url", "--route", "--store-url", "--json"),
    "retrain": (
        "--bucket",
        "--route",
        "--out",
        "--days",
        "--test-days",
        "--min-events",
        "--max-loss",
        "--epochs",
        "--exclude-seen",
        "--json",
    ),
    "gate": ("--bucket", "--route", "--events", "--days", "--max-loss", "--exclude-seen", "--session-column", "--json"),
    "publish": ("--bucket", "--region", "--endpoint-url", "--json"),
    "versions": ("--bucket", "--route", "--json"),
    "promote": ("--bucket", "--route", "--exclude-seen", "--force", "--json"),
    "rollback": ("--bucket", "--route", "--json"),
    "shadow": (
        "--bucket",
        "--route",
        "--days",
        "--sessions",
        "--idle-seconds",
        "--lake-folder",
        "--exclude-seen",
        "--json",
    ),
    "canary": (
        *("--bucket", "--region", "--endpoint-url", "--route", "--share", "--kind", "--metric", "--margin", "--steps"),
        *("--guard", "--minimum-sessions", "--planned-sessions"),
        *("--idle-seconds", "--delay-seconds", "--settle-seconds", "--conversion", "--json"),
    ),
    "experiment status": ("--bucket", "--route", "--json"),
    "experiment look": ("--bucket", "--route", "--lake-folder", "--stack", "--metric-logs", "--json"),
    "experiment stop": ("--bucket", "--route", "--json"),
    "experiment log": ("--bucket", "--route", "--json"),
    "mirror mlflow": ("--bucket", "--region", "--endpoint-url", "--tracking-uri", "--route", "--model", "--json"),
    "availability": ("--bucket", "--route", "--unavailable", "--json"),
    "drift": (
        "--bucket",
        "--route",
        "--lake-folder",
        "--window",
        "--idle-seconds",
        "--until",
        "--scores",
        "--report",
        "--write",
        "--json",
    ),
    "cost": ("--rps", "--catalogue", "--json"),
    "items publish": ("--bucket", "--region", "--endpoint-url", "--route", "--type", "--filters", "--json"),
    "items show": ("--bucket", "--route", "--json"),
    "items versions": ("--bucket", "--route", "--json"),
    "items diff": ("--bucket", "--route", "--json"),
    "items rollback": ("--bucket", "--route", "--json"),
    "lake collect": ("--bucket", "--region", "--endpoint-url", "--store-url", "--buckets", "--json"),
    "lake compact": ("--bucket", "--region", "--endpoint-url", "--retention-days", "--json"),
}

LIGHT = """
import sys
from model_export.cli import main

for arguments in {arguments!r}:
    sys.argv = ["nextitem", *arguments]
    try:
        main()
    except SystemExit as end:
        assert not end.code, (arguments, end.code)
assert "torch" not in sys.modules
assert "matplotlib" not in sys.modules
"""
"""A program that runs commands, and checks that they import neither torch nor Matplotlib."""


def run_light(*arguments: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    program = LIGHT.format(arguments=arguments)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", OPTIONS)
def test_help_names_every_option(command: str) -> None:
    help_text = done(*command.split(), "--help").out
    for option in OPTIONS[command]:
        assert f"{option} " in help_text
    # The lines fit a terminal.
    assert max(map(len, help_text.splitlines())) <= 80


def test_help_names_every_command() -> None:
    help_text = done("--help").out
    assert all(f"  {command.partition(' ')[0]} " in help_text for command in OPTIONS)


COMMANDS = commands_of(typer.main.get_command(app))


def test_every_command_is_listed_here() -> None:
    assert set(OPTIONS) == set(COMMANDS)


GROUPS = sorted({command.partition(" ")[0] for command in COMMANDS if " " in command})


def help_of(parameter: object) -> str:
    assert isinstance(parameter, TyperOption | TyperArgument)
    return parameter.help or ""


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - {"init"}))  # its result is a file
def test_json_has_one_meaning(command: str) -> None:
    # A flag that prints the result, in every command
    [option] = [parameter for parameter in COMMANDS[command].params if "--json" in parameter.opts]
    assert isinstance(option, TyperOption)
    assert (option.help, option.is_flag) == ("Print the result as JSON.", True)


@pytest.mark.parametrize("name", ["", *GROUPS, *COMMANDS])
def test_no_line_of_help_is_cut(name: str) -> None:
    # WHEN the help is shown in 80 columns
    shown = done(*name.split(), "--help").out
    # THEN it has every word of every help text
    text = " ".join(shown.split())
    listed = {"": [command for command in COMMANDS if " " not in command]}
    listed |= {group: [command for command in COMMANDS if command.startswith(f"{group} ")] for group in GROUPS}
    for command in (COMMANDS[each] for each in listed.get(name, [name])):
        if name in listed:
            first_sentence = re.split(r"\.\s", command.help or "")[0]
            assert " ".join(first_sentence.split()) in text
        else:
            helps = [command.help or "", *map(help_of, command.params)]
            for words in (" ".join(help_text.split()) for help_text in helps):
                assert words.replace("- ", "-") in text.replace("- ", "-")


def test_the_version_is_shown() -> None:
    assert re.fullmatch(r"nextitem \d+\.\d+\.\d+ \(Python 3\.\d+\.\d+, onnxruntime [\d.]+\)\n", done("--version").out)


@pytest.mark.slow
def test_help_does_not_import_torch() -> None:
    ended = run_light(("--help",), *((*command.split(), "--help") for command in OPTIONS))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("Usage: nextitem") == 1 + len(OPTIONS)


@pytest.mark.slow
def test_an_artifact_is_evaluated_without_torch(tmp_path: Path) -> None:
    # GIVEN an artifact and test events
    home = str(exported(random_run(5), tmp_path / "out"))
    events = tmp_path / "events.csv"
    rows = [
        f"s{session},item-{(session + event) % 5:05},{session * 9 + event}"
        for session in range(9)
        for event in range(3)
    ]
    events.write_text("\n".join(["session_id,item_id,timestamp", *rows]) + "\n")
    # WHEN a program imports and uses them
    ended = run_light(
        ("recommend", home, "item-00001"),
        ("explain", home, "item-00001", "item-00002"),
        ("evaluate", home, "--events", str(events), "--train", str(events)),
        ("split", str(events), "--train-out", str(tmp_path / "a.csv"), "--test-out", str(tmp_path / "b.csv")),
    )
    # THEN it does not import torch
    assert ended.returncode == 0, ended.stderr
    assert "18 targets" in ended.stdout


@pytest.mark.slow
def test_the_installed_program_runs_main() -> None:
    program = Path(sys.executable).with_name("nextitem")
    ended = subprocess.run([program, "export", "absent", "--out", "out"], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert (
        ended.stderr
        == "nextitem: absent is not a training run: it has no run.json. Name the folder of `nextitem train --out`\n"
    )


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("recommend", "artifact"), "Missing argument"),
        (("train", "events.csv"), "Missing option '--out'"),
        (("split", "events.csv", "--train-out", "a.csv", "--test-out", "b.csv", "--test-days", "0"), "'--test-days'"),
        (("recommend", "artifact", "item", "--limit", "201"), "'--limit'"),
        (("split", "e.csv", "--train-out", "a.csv", "--test-out", "b.csv", "--gap-minutes", "-1"), "'--gap-minutes'"),
        (("unheard-of",), "No such command 'unheard-of'"),
    ],
)
def test_wrong_options_are_refused(arguments: tuple[str, ...], what: str) -> None:
    answer = nextitem(*arguments)
    assert answer.code == 2
    assert what in answer.err
    assert "--help" in answer.err


def test_a_pause_without_users_is_refused(tmp_path: Path) -> None:
    events = tmp_path / "events.csv"
    events.write_text("session_id,item_id,timestamp\ns,a,1\n")
    answer = nextitem("split", events, "--train-out", "a.csv", "--test-out", "b.csv", "--gap-minutes", "20")
    assert answer.code == 2
    assert "name the column of the users with --user-column" in answer.err
