"""The command line: every command with its arguments and options, as `--help` shows them."""

import typer
from typer.core import TyperCommand, TyperGroup

from docsite.reference.markdown import code, plain, table
from model_export.cli.app import app
from model_export.cli.command_tree import commands_of


def page() -> str:
    """Return a section for `nextitem` itself and for each command."""
    group = typer.main.get_command(app)
    if not isinstance(group, TyperGroup):
        raise TypeError(f"the command line has no commands: {group}")
    root = typer.Context(group, info_name="nextitem")
    sections = [_section(group, root)]
    for name, command in commands_of(group).items():
        sections.append(_section(command, typer.Context(command, parent=root, info_name=name)))
    return "\n\n".join(sections)


def _section(command: TyperCommand | TyperGroup, context: typer.Context) -> str:
    usage = command.get_usage(context).removeprefix("Usage: ")
    records = (parameter.get_help_record(context) for parameter in command.get_params(context))
    rows = [(code(name), plain(text)) for name, text in filter(None, records)]
    texts = [plain(paragraph) for paragraph in (command.help or "").split("\n\n")]
    return "\n\n".join(
        [
            f"## {context.command_path}",
            *(" ".join(text.split()) for text in texts),
            f"```text\n{' '.join(usage.split())}\n```",
            table(("argument or option", "meaning"), rows),
        ]
    )
