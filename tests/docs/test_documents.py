"""Examples, commands and links in the documents are valid."""

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest
import typer
from typer.core import TyperGroup

from lambda_events import direct_call
from model_export.cli.app import app
from nextitem.service import schema
from nextitem.service.self_check import SelfCheckResult

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT.glob("clients/*/README.md")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "tests" / "README.md", *CLIENTS])
FENCED = re.compile(r"```json (\w+)\n(.*?)```", re.DOTALL)
EXAMPLES = [(kind, text) for path in DOCUMENTS for kind, text in FENCED.findall(path.read_text())]
COMMANDS = re.compile(r"^nextitem (\w.*?)(?:\s{2,}#.*)?$", re.MULTILINE)
MODULE = re.compile(r"python -m ((?:bench|devstack|model_export|observability)(?:\.\w+)*)")
NAMED_TEST = re.compile(r"`(test_\w+)`")
NAMED_PATH = re.compile(r"`((?:bench|devstack|docs|functions|model_export|observability|tests)/[\w./-]*)`")
PLACEHOLDER = "NAME"
TESTS = {
    name
    for path in (ROOT / "tests").rglob("*.py")
    for name in (path.stem, *re.findall(r"def (test_\w+)", path.read_text()))
}
LINK = re.compile(r"\]\(([^)#]+)\)")


@pytest.mark.parametrize(("kind", "text"), EXAMPLES, ids=[kind for kind, _ in EXAMPLES])
def test_an_example_matches_the_schema(kind: str, text: str) -> None:
    body = text.encode()
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
        case "similar":
            read = schema.parse(direct_call(msgspec.json.decode(body)).body, schema.ListOptions)
            body = msgspec.json.encode({"limit": msgspec.json.decode(body)["limit"]})
        case "verified":
            read = msgspec.json.decode(body, type=SelfCheckResult, strict=True)
        case "answer":
            read = msgspec.json.decode(body, type=schema.Answer)
        case "health_answer":
            read = msgspec.json.decode(body, type=schema.Health)
        case _:
            assert kind == "problem"
            read = msgspec.json.decode(body, type=schema.Problem)
    shown = msgspec.json.decode(body)
    assert set(shown) <= {field.name for field in msgspec.structs.fields(type(read))}  # type: ignore[arg-type]  # a Struct, whichever


def test_each_kind_has_an_example() -> None:
    assert {kind for kind, _ in EXAMPLES} == {
        "append_events",
        "answer",
        "health_answer",
        "recommend",
        "similar",
        "direct",
        "verify",
        "verified",
        "problem",
    }


def test_every_command_exists_with_its_options() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    shown = COMMANDS.findall((ROOT / "README.md").read_text())
    assert len(shown) > 5
    for line in shown:
        name, *arguments = shlex.split(line.replace("[ITEM ...]", ""))
        command = group.commands[name]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {argument for argument in arguments if argument.startswith("--")} <= options, line


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_has_a_target(document: Path) -> None:
    targets = [link for link in LINK.findall(document.read_text()) if not link.startswith("http")]
    assert [link for link in targets if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_that_is_to_be_run_exists(document: Path) -> None:
    assert [name for name in MODULE.findall(document.read_text()) if find_spec(name) is None] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_named_test_and_path_exists(document: Path) -> None:
    text = document.read_text()
    assert [name for name in NAMED_TEST.findall(text) if name not in TESTS] == []
    assert [name for name in NAMED_PATH.findall(text) if PLACEHOLDER not in name and not (ROOT / name).exists()] == []
