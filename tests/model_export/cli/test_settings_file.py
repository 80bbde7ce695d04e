"""`nextitem.toml`: defaults of the options, below the command line and the environment."""

import re
import tomllib
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from model_export.cli.app import app
from model_export.cli.command_tree import commands_of
from model_export.cli.settings_file import options_of, read_defaults, toml_value
from model_export.training.run_folder import read_run
from tests.building import ROOT
from tests.model_export.cli.commandline import done, nextitem
from tests.model_export.tiny import listed
from tests.nextitem.parts import STEADY

COMMANDS = commands_of(typer.main.get_command(app))
OPTIONS = {name: options_of(command.params) for name, command in COMMANDS.items()}

ROWS = "".join(f"s{row // 3},item-{row % 5:05},{row * 9000}\n" for row in range(90))


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with events whose columns have other names."""
    monkeypatch.chdir(tmp_path)
    Path("events.csv").write_text("visit,product,at\n" + ROWS)
    return tmp_path


def settings(text: str) -> None:
    Path("nextitem.toml").write_text(text)


COLUMNS = 'session-column = ["visit"]\nitem-column = "product"\ntime-column = "at"\n'
SPLIT = ("split", "events.csv", "--train-out", "train.csv", "--test-out", "test.csv", "--json")


@pytest.mark.usefixtures("work")
@pytest.mark.slow
def test_a_key_at_the_top_holds_for_every_command() -> None:
    # GIVEN the columns in the file
    settings(COLUMNS)
    # WHEN two commands read events
    split = done(*SPLIT).document
    prepared = done(
        "prepare", "events.csv", "--out", "out", "--min-support", "0", "--min-session", "1", "--json"
    ).document
    # THEN neither needs an option
    assert split["train"]["events"] + split["test"]["events"] == prepared["events"] == 90
    # AND a value that is no list is a list of one
    settings(COLUMNS.replace('["visit"]', '"visit"'))
    assert done(*SPLIT).document == split


@pytest.mark.usefixtures("work")
@pytest.mark.slow
def test_a_table_holds_for_its_command_and_before_the_top(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a wrong column at the top, the right one for split
    settings(
        'item-column = "no such"\n[split]\nitem-column = "product"\nsession-column = ["visit"]\ntime-column = "at"\n'
    )
    # THEN split uses its own
    done(*SPLIT)
    assert "has no column" in nextitem("train", "events.csv", "--out", "run").fault
    # AND the command line comes before both
    assert "'other'" in nextitem(*SPLIT, "--item-column", "other").fault


@pytest.mark.usefixtures("work")
def test_the_environment_comes_before_the_file_and_the_command_line_before_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings('bucket = "of the file"\n')
    monkeypatch.delenv("NEXTITEM_BUCKET", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    assert "bucket of the file cannot" in nextitem("versions").err
    monkeypatch.setenv("NEXTITEM_BUCKET", "of the environment")
    assert "bucket of the environment cannot" in nextitem("versions").err
    assert "bucket of the option cannot" in nextitem("versions", "--bucket", "of the option").err


@pytest.mark.slow
@pytest.mark.usefixtures("work")
def test_another_file_is_named_and_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a damaged file in the folder, and another
    settings("damaged")
    Path("other.toml").write_text(COLUMNS)
    # THEN --settings and the environment name the other, and an empty file means none
    done("--settings", "other.toml", *SPLIT)
    monkeypatch.setenv("NEXTITEM_SETTINGS", "other.toml")
    done(*SPLIT)
    assert "has no column 'session_id'" in nextitem("--settings", "/dev/null", *SPLIT).fault
    assert nextitem("--settings", "absent.toml", *SPLIT).fault == (
        "nextitem: settings file absent.toml cannot be read: there is no such file or folder; check the name"
    )


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('item-colum = "x"', "key item-colum: no command has an option --item-colum; did you mean item-column?"),
        ('item_column = "x"', "key item_column: no command has an option --item_column; did you mean item-column?"),
        ("[trains]\nepochs = 1", "key trains: no command has this name; did you mean train?"),
        ("[train]\nepoch = 1", "key train.epoch: `nextitem train` has no option --epoch; did you mean epochs?"),
        ("[train]\nlimit = 1", "key train.limit: `nextitem train` has no option --limit"),
        ("item-column = 5", "key item-column: must be a text in quotes, not a number (5)"),
        ('[train]\nepochs = "5"', "key train.epochs: must be a number, not a text in quotes ('5')"),
        ("[train]\nepochs = true", "key train.epochs: must be a number, not true or false (True)"),
        ("[train]\njson = 1", "key train.json: must be true or false, not a number (1)"),
        ("[train]\nepochs = 2.5", "key train.epochs: "),
        ("[train]\nepochs = [5]", "key train.epochs: "),
        ("session-column = [5]", "key session-column: must be a text in quotes, not a number (5)"),
        ("gap-minutes = -1", "key gap-minutes: "),
        ("gap-minutes = 2026-01-01", "key gap-minutes: "),
    ],
)
def test_a_wrong_key_or_value_is_named(text: str, what: str) -> None:
    settings(text)
    before = listed(Path.cwd())
    assert nextitem("train", "events.csv", "--out", "run").fault.startswith(f"nextitem: nextitem.toml, {what}")
    assert listed(Path.cwd()) == before


@pytest.mark.usefixtures("work")
def test_a_file_that_is_no_toml_is_named() -> None:
    settings("item-column =")
    assert nextitem(*SPLIT).fault.startswith("nextitem: settings file nextitem.toml is not valid TOML: ")
    Path("nextitem.toml").write_bytes(b"\xff")
    assert nextitem(*SPLIT).fault.startswith("nextitem: settings file nextitem.toml is not valid TOML: ")


@pytest.mark.usefixtures("work")
@pytest.mark.slow
def test_settings_of_a_training_stand_below_config_and_the_command_line() -> None:
    # GIVEN a setting in the file only, one also in --config, one also on the command line
    settings(f"{COLUMNS}[train]\nhidden = 16\nbatch = 8\nseed = 1\n")
    Path("best.json").write_text('{"batch": 4, "epochs": 1}')
    # WHEN a model is trained
    done("train", "events.csv", "--out", "run", "--config", "best.json", "--seed", "3")
    # THEN each comes from the nearest place
    used = read_run(Path("run")).record.training.hyperparameters
    assert {name: used[name] for name in ("hidden", "batch", "epochs", "seed")} == {
        "hidden": 16,
        "batch": 4,
        "epochs": 1,
        "seed": 3,
    }


@pytest.mark.slow
@pytest.mark.usefixtures("work")
def test_init_writes_what_was_given_and_the_commands_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # WHEN a file is made
    columns = {"session-column": "visit", "item-column": "product", "time-column": "at"}
    options = [text for name, value in columns.items() for text in (f"--{name}", value)]
    monkeypatch.setenv("NEXTITEM_BUCKET", "of-the-environment")
    said = done("init", *options, "--route", 'a "route"\\').err
    # THEN it has these settings only
    assert tomllib.loads(Path("nextitem.toml").read_text()) == {
        "route": 'a "route"\\',
        "split": columns | {"session-column": ["visit"]},
        "prepare": columns | {"session-column": ["visit"]},
    }
    assert said == "nextitem.toml is written. Check it with: nextitem doctor\n"
    # AND the commands need no options any more, neither for these events nor for those that split writes
    done(*SPLIT)
    done("train", "train.csv", "--out", "run", "--hidden", "16", "--epochs", "1")
    # AND every option that init has stands in it, if only as a comment, and can be used as it stands
    text = Path("nextitem.toml").read_text()
    everything = "\n".join(
        line.removeprefix("# ") for line in text.splitlines() if " = " in line or re.fullmatch(r"(# )?\[\w+\]", line)
    )
    document = tomllib.loads(everything)
    assert (document["split"]["gap-minutes"], document["split"]["header"]) == (30, True)
    assert OPTIONS["init"].keys() - {"force"} <= document.keys() | document["split"].keys()
    for table in (name for name, value in document.items() if isinstance(value, dict)):
        assert document[table].keys() <= OPTIONS[table].keys()


@pytest.mark.usefixtures("work")
def test_init_overwrites_only_by_force_and_writes_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    settings("damaged")
    assert nextitem("init").fault == ("nextitem: nextitem.toml exists already; edit it, or overwrite it with --force")
    refused = nextitem("init", "--force", "--store-url", "rediss://app:secret@store/0")
    assert (refused.code, Path("nextitem.toml").read_text()) == (2, "damaged")
    assert "secret" not in refused.err
    done("init", "--force", "--store-url", "rediss://app@store/0?iam=cache")
    assert tomllib.loads(Path("nextitem.toml").read_text())["store-url"] == "rediss://app@store/0?iam=cache"
    # A password of the environment stays there
    monkeypatch.setenv("NEXTITEM_STORE_URL", "rediss://app:secret@store/0")
    done("--settings", "other.toml", "init")
    assert "secret" not in Path("other.toml").read_text()


@pytest.mark.parametrize("command", OPTIONS)
def test_the_file_of_the_documentation_is_valid(command: str, tmp_path: Path) -> None:
    [text] = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "settings.md").read_text(), re.DOTALL)
    path = tmp_path / "nextitem.toml"
    path.write_text(text)
    context = typer.Context(COMMANDS[command])
    defaults = read_defaults(path, OPTIONS, command, context)
    assert ("bucket" in defaults) == ("bucket" in OPTIONS[command])
    assert ("epochs" in defaults) == (command == "train")


def test_every_option_has_one_name_in_the_file() -> None:
    # `--out/--no-out` would have two, and its second could contradict the first
    for command, options in OPTIONS.items():
        assert len({option.name for option in options.values()}) == len(options), command


@STEADY
@given(
    st.one_of(
        *(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)),
        *(st.text(st.characters(codec="utf-8")), st.lists(st.text(st.characters(codec="utf-8")), max_size=3)),
    )
)
def test_values_are_written_as_toml_reads_them(value: str | float | bool | list[str]) -> None:
    assert tomllib.loads(f"key = {toml_value(value)}")["key"] == value


@pytest.mark.usefixtures("work")
def test_a_text_that_is_no_unicode_is_not_written() -> None:
    assert "is not UTF-8" in nextitem("init", "--route", "\udcff").fault
    assert not Path("nextitem.toml").exists()
