"""Command `presets`: the layouts of well-known event files."""

from model_export.cli.console import OUT, print_json
from model_export.cli.options import Json
from model_export.cli.tables import table
from model_export.data.presets import PRESETS, command_of


def presets(as_json: Json = False) -> None:
    """Show the layouts that --preset names, and the command that reads each."""
    if as_json:
        print_json(
            [
                {"preset": name, "files": preset.title, "command": command_of(name), "note": preset.note}
                | {"layout": preset.layout}
                for name, preset in PRESETS.items()
            ]
        )
        return
    presets = table("preset", "files", "example", "note")
    for name, preset in PRESETS.items():
        presets.add_row(name, preset.title, preset.file, preset.note)
    OUT.print(presets)
    OUT.print(f"For example: {command_of('retailrocket')}")
