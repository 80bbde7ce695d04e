"""What the documents show is what the code takes: examples, commands and links."""

import re
import shlex
from pathlib import Path

import msgspec
import pytest
import typer
from typer.core import TyperGroup

from lambda_events import direct_call
from model_export.cli.app import app
from nextitem.service import schema
from nextitem.service.self_check import Report

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "tests" / "README.md"])
FENCED = re.compile(r"```json (\w+)\n(.*?)```", re.DOTALL)
EXAMPLES = [(kind, text) for path in DOCUMENTS for kind, text in FENCED.findall(path.read_text())]
COMMANDS = re.compile(r"^nextitem (\w.*?)(?:\s{2,}#.*)?$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#]+)\)")


@pytest.mark.parametrize(("kind", "text"), EXAMPLES, ids=[kind for kind, _ in EXAMPLES])
def test_an_example_is_what_the_api_takes_and_gives(kind: str, text: str) -> None:
    # GIVEN an example in a document
    body = text.encode()
    # WHEN it is read as what its fence says it is
    # THEN nothing of it is missing, misspelt or out of its limits
    match kind:
        case "append_events":
            read: object = schema.parse(body, schema.EventsBody)
        case "recommend":
            read = schema.parse(body, schema.ItemsBody)
        case "direct":
            read = schema.parse(direct_call(msgspec.json.decode(body)).body, schema.EventsBody)
            body = msgspec.json.encode({k: v for k, v in msgspec.json.decode(body).items() if k == "events"})
        case "verify":
            read = direct_call(msgspec.json.decode(body))
            assert (read.operation, read.body) == ("verify", b"{}")
            return
        case "verified":
            read = msgspec.json.decode(body, type=Report, strict=True)
        case "answer":
            read = msgspec.json.decode(body, type=schema.Answer)
        case _:
            assert kind == "problem"
            read = msgspec.json.decode(body, type=schema.Problem)
    shown = msgspec.json.decode(body)
    assert set(shown) <= {field.name for field in msgspec.structs.fields(type(read))}  # type: ignore[arg-type]  # a Struct, whichever


def test_there_is_an_example_of_each_kind() -> None:
    assert {kind for kind, _ in EXAMPLES} == {
        "append_events",
        "answer",
        "recommend",
        "direct",
        "verify",
        "verified",
        "problem",
    }


def test_every_command_shown_exists_with_its_options() -> None:
    # GIVEN the command lines of the README
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    shown = COMMANDS.findall((ROOT / "README.md").read_text())
    # THEN each parses: the command is there, and so is each option
    assert len(shown) > 5
    for line in shown:
        name, *arguments = shlex.split(line.replace("[ITEM ...]", ""))
        command = group.commands[name]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {argument for argument in arguments if argument.startswith("--")} <= options, line


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    targets = [link for link in LINK.findall(document.read_text()) if not link.startswith("http")]
    assert [link for link in targets if not (document.parent / link).exists()] == []
