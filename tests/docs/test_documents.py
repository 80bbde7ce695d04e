"""Examples, commands and links in the documents are valid."""

import re
import shlex
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
import typer
from typer.core import TyperGroup

from lambda_events import direct_call
from model_export.cli.app import app
from model_export.cli.command_tree import commands_of
from nextitem.service import schema
from nextitem.service.self_check import SelfCheckResult
from tests.docs.documented import read
from tests.docs.links import broken

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT.glob("clients/*/README.md")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "tests" / "README.md", *CLIENTS])
FENCED = re.compile(r"```json (\w+)\n(.*?)```", re.DOTALL)
EXAMPLES = [(kind, text) for path in DOCUMENTS for kind, text in FENCED.findall(path.read_text())]
MODULE = re.compile(r"python -m ((?:bench|devstack|model_export|observability)(?:\.\w+)*)")
NAMED_TEST = re.compile(r"`(test_\w+)`")
NAMED_PATH = re.compile(r"`((?:bench|devstack|docs|functions|model_export|observability|tests)/[\w./-]*)`")
PLACEHOLDER = "NAME"
TESTS = {
    name
    for path in (ROOT / "tests").rglob("*.py")
    for name in (path.stem, *re.findall(r"def (test_\w+)", path.read_text()))
}
FROM_REGISTRY = re.compile(r"(?:pip|npm) install (?:-\S+ )*['\"]?nextitem\b.*")


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
            read = schema.parse(direct_call(msgspec.json.decode(body)).body, schema.SteeredOptions)
            body = msgspec.json.encode({"limit": msgspec.json.decode(body)["limit"]})
        case "trending":
            read = schema.parse(direct_call(msgspec.json.decode(body)).body, schema.TrendingOptions)
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
        "trending",
        "direct",
        "verify",
        "verified",
        "problem",
    }


def test_every_command_exists_with_its_options() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    commands = commands_of(group)
    shown = [
        command.text
        for document in DOCUMENTS
        for command in read(document)
        if not command.is_quoted and command.text.startswith("nextitem ")
    ]
    assert len(shown) > 30
    for line in shown:
        _, *arguments = shlex.split(line)
        words = [*arguments, ""]
        names = (f"{first} {second}" if f"{first} {second}" in commands else first for first, second in pairwise(words))
        name = next((name for name in names if name in commands), None)
        parameters = [*group.params, *(commands[name].params if name else [])]
        options = {option for parameter in parameters for option in parameter.opts}
        assert {argument for argument in arguments if argument.startswith("--")} <= options, line


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_has_a_target(document: Path) -> None:
    assert broken(document) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_that_is_to_be_run_exists(document: Path) -> None:
    assert [name for name in MODULE.findall(document.read_text()) if find_spec(name) is None] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_named_test_and_path_exists(document: Path) -> None:
    text = document.read_text()
    assert [name for name in NAMED_TEST.findall(text) if name not in TESTS] == []
    assert [name for name in NAMED_PATH.findall(text) if PLACEHOLDER not in name and not (ROOT / name).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_installs_a_package_of_ours_that_no_registry_has(document: Path) -> None:
    # Nothing is published yet. The first release changes this test together with the pages.
    assert FROM_REGISTRY.findall(document.read_text()) == []
