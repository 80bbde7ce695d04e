"""The reference pages name all that the code has."""

from collections.abc import Iterator, Mapping

import msgspec
import pytest
import typer

from container.settings import ContainerSettings
from devstack.openapi.document import PATH
from devstack.template.stack import source
from docsite.reference import cli, metrics, openapi, parameters, settings
from docsite.reference.schema_text import type_text, with_limits
from model_export.cli.app import app
from model_export.cli.command_tree import commands_of
from nextitem.settings import Settings
from nextitem.telemetry.metrics import METRICS


def section(page: str, heading: str) -> str:
    """Return the part of a page below a heading of any level."""
    return next(part for part in page.split("\n#") if part.lstrip("#").startswith(f" {heading}\n"))


def test_each_command_is_there_with_its_arguments_and_options() -> None:
    group = typer.main.get_command(app)
    page = cli.page()
    for name, command in commands_of(group).items():
        shown = section(page, f"nextitem {name}")
        for parameter in command.params:
            assert all(f"`{option}" in shown or f" {option}" in shown for option in parameter.opts), (name, parameter)
    assert "\\[default: 20000; x\\>=1\\]" in section(page, "nextitem cost")
    assert "nextitem cost [OPTIONS]" in section(page, "nextitem cost")


def test_each_operation_and_each_field_is_there() -> None:
    document = msgspec.json.decode(PATH.read_bytes())
    page = openapi.page()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            shown = section(page, f"{method.upper()} {path}")
            assert f"`{operation['operationId']}`" in shown
            assert all(f"\n| {status} |" in shown for status in operation["responses"])
            assert all(f"\n| `{parameter['name']}` |" in shown for parameter in operation.get("parameters", []))
    for name, schema in document["components"]["schemas"].items():
        shown = section(page, name)
        assert all(f"\n| `{field}` |" in shown for field in schema.get("properties", {}))
    assert "| `events` | array of [EventBody](#eventbody), 1 to 64 elements | required |" in section(page, "EventsBody")


def test_a_schema_of_an_unknown_form_is_refused() -> None:
    with pytest.raises(ValueError, match="no words for the schema"):
        type_text({"not": {"type": "string"}})
    assert type_text({"oneOf": [{"const": "a"}, {"type": ["integer", "null"]}]}) == '`"a"` or integer or null'
    assert with_limits({"type": "string", "pattern": "^a|b$", "maxLength": 3}) == (
        "string, at most 3 characters, `^a|b$`"
    )


class Recorder(Mapping[str, str]):
    """An environment that remembers which variables were asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values_by_name = values
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)


def test_each_variable_that_the_function_reads_is_there_with_its_default() -> None:
    environment = Recorder(settings.LEAST)
    Settings.read(environment)
    documented = settings.documented()
    assert {variable for _, variable, _ in documented} == environment.asked
    assert [field for field, _, _ in documented] == list(Settings.__struct_fields__)
    page = settings.page()
    assert "| `NEXTITEM_BUCKET` | required | The bucket that holds the registry. Form: the name of a bucket: " in page
    assert "| `NEXTITEM_ROUTE_TTL_SECONDS` | 30 s |" in page
    assert "| `NEXTITEM_STORE_TIMEOUT_MS` | 50 ms |" in page
    assert "| `NEXTITEM_EXCLUDE_SEEN` | `false` |" in page
    assert "0123456789abcdef" not in page
    assert "redis+sentinel://" in page


def test_each_variable_that_the_container_reads_is_there_with_its_default() -> None:
    environment = Recorder({})
    ContainerSettings.read(environment)
    documented = settings.documented(ContainerSettings)
    assert {variable for _, variable, _ in documented} == environment.asked
    assert [field for field, _, _ in documented] == list(ContainerSettings.__struct_fields__)
    page = settings.container_page()
    assert (
        "| `NEXTITEM_PORT` | `8080` | The TCP port; 0 takes a free one. Form: a whole number from 0 to 65535. |" in page
    )
    assert "| `NEXTITEM_WORKERS` |  |" in page
    assert "| `NEXTITEM_DRAIN_SECONDS` | 20 s |" in page


@pytest.mark.slow
def test_each_parameter_of_the_template_is_there() -> None:
    page = parameters.page()
    assert [line.split("`")[1] for line in page.splitlines()[2:]] == list(source()["Parameters"])
    assert "| `MemorySize` | `1769` | a number, 512 to 10240 |" in page
    assert "| `Architecture` | `x86_64` | `x86_64`, `arm64` |" in page


def test_each_metric_is_there() -> None:
    page = metrics.page()
    assert all(f"\n| `{metric.name}` |" in page for metric in METRICS)
    assert "| `restore_ms` | milliseconds |" in page
