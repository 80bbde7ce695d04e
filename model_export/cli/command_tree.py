"""The commands of the command line by their whole names: ``publish``, ``items publish``."""

from typing import Any

from typer.core import TyperCommand, TyperGroup


def commands_of(group: object) -> dict[str, TyperCommand]:
    """Return the commands of a group and of the groups in it, in order, by their names after ``nextitem``.

    Raises:
        TypeError: it is no group, or has something else than commands and groups.
    """
    if not isinstance(group, TyperGroup):
        raise TypeError(f"the command line has no commands: {group}")
    commands: dict[str, TyperCommand] = {}
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            commands |= {f"{name} {inner}": found for inner, found in commands_of(command).items()}
        elif isinstance(command, TyperCommand):
            commands[name] = command
        else:
            raise TypeError(f"nextitem {name} is not a command")
    return commands


def nested(defaults: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return defaults by the names of commands as click wants them: a group's name has those of its commands."""
    tree: dict[str, Any] = {}
    for name, values in defaults.items():
        first, _, rest = name.partition(" ")
        if rest:
            tree.setdefault(first, {})[rest] = values
        else:
            tree[first] = values
    return tree
