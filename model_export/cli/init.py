"""Command `init`: a settings file for the commands in this folder."""

import textwrap
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperOption

from model_export.cli.console import say
from model_export.cli.options import LayoutOptions
from model_export.cli.registry_options import BucketOptions, RouteName, StoreUrlText
from model_export.cli.settings_file import SETTINGS_FILE, options_of, toml_value
from model_export.data.atomic_file import write_atomically
from model_export.data.layout import Layout
from nextitem.errors import InputError
from nextitem.redis_client.url import parse_store_url

HEAD = """\
# Defaults of `nextitem` in this folder. The command line and environment variables come before them.
# A key is the name of an option. Up here it holds for every command that has the option, in a table such as [train]
# for one command. `nextitem COMMAND --help` lists the options.
"""
LAYOUT = """
# The layout of your own event files is for the commands that read them: all other commands read the files that these
# two write, whose columns have nextitem's names. If you train on your own file without `split`, add it to [train].
"""
READERS = ("split", "prepare")
"""The commands that read event files of any layout, and write them in nextitem's own."""
TAIL = """
# [train]
# epochs = 20
#
# [evaluate]
# report = "report.html"
"""
WIDTH = 100
_OWN = {"force"}
_LAYOUT = {field.name for field in fields(LayoutOptions)}


def init(
    context: typer.Context,
    registry: BucketOptions,  # noqa: ARG001 - the context has the values, by their names in the file
    layout: LayoutOptions,  # noqa: ARG001 - as above
    route: RouteName = "live",  # noqa: ARG001 - as above
    store_url: StoreUrlText = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Write nextitem.toml, the defaults of the commands in this folder.

    The options given here become its keys; the others stand in it as comments. No password is written.
    """
    path = Path(context.find_root().params["settings"] or SETTINGS_FILE)
    if path.exists() and not force:
        raise InputError(f"{path} exists already; edit it, or overwrite it with --force")
    if store_url is not None and _is_given("store_url", context) and parse_store_url(store_url).password is not None:
        raise InputError("the store's URL has a password, which belongs in no file: set NEXTITEM_STORE_URL instead")
    options = {name: option for name, option in options_of(context.command.params).items() if name not in _OWN}
    layout_options = {name: option for name, option in options.items() if option.name in _LAYOUT}
    text = HEAD + "".join(_entry(name, options[name], context) for name in options if name not in layout_options)
    text += LAYOUT
    for command in READERS:
        text += f"\n[{command}]\n" + "".join(_entry(name, layout_options[name], context) for name in layout_options)
    write_atomically(path, lambda temporary: temporary.write_bytes((text + TAIL).encode()))
    say(f"{path} is written. Check it with: nextitem doctor")


def _is_given(name: str, context: typer.Context) -> bool:
    """Return whether an option is on the command line. Environment variables stay in the environment."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _entry(name: str, option: TyperOption, context: typer.Context) -> str:
    """Return an option's lines: its help, and its value, commented out unless it was given on the command line."""
    lines = textwrap.wrap(f"{option.help}", WIDTH, initial_indent="# ", subsequent_indent="# ")
    value = context.params[str(option.name)] if _is_given(str(option.name), context) else None
    line = f"{name} = {toml_value(_plain(value if value is not None else _example(option)))}"
    return "\n".join(["", *lines, line if value is not None else f"# {line}", ""])


def _example(option: TyperOption) -> Any:
    """Return a value for a commented line: the default, or one of the right type."""
    default = option.default if option.default is not None else getattr(Layout, str(option.name), None)
    if default is not None:
        return default
    if option.is_flag:
        return False
    example: Any = "" if option.min is None and option.max is None else max(option.min or 0, 1)
    return [example] if option.multiple else example


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
