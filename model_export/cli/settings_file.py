"""The settings file: defaults of the commands' options, for one folder.

A key is the long name of an option. At the top of the file it holds for every command that has this option, in a table
for the command of the table's name. Keys are compared with the commands themselves, so a new option needs no line here.
The command line and environment variables come before the file.

Example:
    ::

        item-column = "product"
        bucket = "shop-models"

        [train]
        epochs = 20
"""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperOption

from nextitem.errors import InputError, os_reason

SETTINGS_FILE = "nextitem.toml"
"""The file that commands read in the working folder, if it is there."""

Options = Mapping[str, Mapping[str, TyperOption]]
"""The options of each command, by their names in the file."""
Value = str | int | float | bool | list[str]


def options_of(parameters: list[Any]) -> dict[str, TyperOption]:
    """Return the options among a command's parameters, by their names in the file."""
    return {
        name.removeprefix("--"): parameter
        for parameter in parameters
        if isinstance(parameter, TyperOption)
        for name in parameter.opts
        if name.startswith("--")
    }


def read_defaults(path: Path, options: Options, command: str, context: typer.Context) -> dict[str, Any]:
    """Return a command's defaults from a settings file, by the names of its parameters.

    All keys must be known. Values are checked for this command only: some are checked against the disk.

    Raises:
        InputError: the file cannot be read, or a key is unknown, or the command does not take a value.
    """
    top, tables = _read(path, options)
    entries = {name: (name, value) for name, value in top.items() if name in options[command]}
    entries |= {name: (f"{command}.{name}", value) for name, value in tables.get(command, {}).items()}
    return {
        str(options[command][name].name): _checked(path, key, value, options[command][name], context)
        for name, (key, value) in entries.items()
    }


def toml_value(value: Value) -> str:
    """Return a value as TOML. Its texts are JSON's, but for DEL.

    Raises:
        InputError: a text is not Unicode.
    """
    text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(f"{value!r} is not UTF-8 and cannot be in a settings file") from None
    return text


def _read(path: Path, options: Options) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Read a file and check its keys; return the values at its top, and those of each table."""
    import tomllib  # imported lazily: 10 ms, and most folders have no such file

    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"settings file {path} cannot be read: {os_reason(error)}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"settings file {path} is not valid TOML: {error}") from error
    tables = {name: value for name, value in document.items() if isinstance(value, dict)}
    top = {name: value for name, value in document.items() if name not in tables}
    everywhere = {name for names in options.values() for name in names}
    for name in top:
        if name not in everywhere:
            raise _unknown(path, name, f"no command has an option --{name}", everywhere)
    for table, values in tables.items():
        if table not in options:
            raise _unknown(path, table, "no command has this name", set(options))
        for name in values:
            if name not in options[table]:
                raise _unknown(
                    path, f"{table}.{name}", f"`nextitem {table}` has no option --{name}", set(options[table])
                )
    return top, tables


def _unknown(path: Path, key: str, why: str, known: set[str]) -> InputError:
    near = get_close_matches(key.rpartition(".")[2].replace("_", "-"), known, n=1)
    return InputError(f"{path}, key {key}: {why}" + (f"; did you mean {near[0]}?" if near else ""))


def _checked(path: Path, key: str, value: Any, option: TyperOption, context: typer.Context) -> Any:
    """Return a value as the option takes it. Unlike a text on the command line, it must have the right TOML type."""
    if option.multiple and not isinstance(value, list):
        value = [value]
    try:
        parsed = option.process_value(context, value)
    except typer.BadParameter as error:
        raise InputError(f"{path}, key {key}: {error.message}") from None
    values, parts = (value, list(parsed)) if option.multiple else ([value], [parsed])
    for given, part in zip(values, parts, strict=True):
        if _kind(given) != _kind(part):
            raise InputError(f"{path}, key {key}: must be {_kind(part)}, not {_kind(given)} ({given!r})")
    return value


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str() | Path():
            return "a text in quotes"
        case list():
            return "a list"
        case _:
            return f"a {type(value).__name__}"
