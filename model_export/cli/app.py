"""The command line: its commands, and errors as one line with an exit code."""

import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from model_export.cli import catalogue, experiment, lake, mirror
from model_export.cli.availability import availability
from model_export.cli.batch import batch
from model_export.cli.canary import canary
from model_export.cli.command_tree import commands_of, nested
from model_export.cli.compare import compare
from model_export.cli.console import is_leader
from model_export.cli.cost import cost
from model_export.cli.doctor import doctor
from model_export.cli.drift import drift
from model_export.cli.evaluate import evaluate
from model_export.cli.explain import explain
from model_export.cli.export import export
from model_export.cli.gate import gate
from model_export.cli.init import init
from model_export.cli.options import with_groups
from model_export.cli.prepare import prepare
from model_export.cli.presets import presets
from model_export.cli.recommend import recommend
from model_export.cli.registry import promote, publish, rollback, versions
from model_export.cli.retrain import retrain
from model_export.cli.settings_file import SETTINGS_FILE, options_of, read_defaults
from model_export.cli.shadow import shadow
from model_export.cli.simulate import simulate
from model_export.cli.split import split
from model_export.cli.train import train
from model_export.cli.tune import tune
from model_export.interruption import Stop, stoppable
from nextitem.errors import ArtifactError, InputError, NextItemError

BAD_INPUT = 2
"""Exit code for wrong input, as for wrong options."""
FAILED = 1
"""Exit code for every other error, such as the registry's. `model_export.cli.verdicts` has that of the gate."""


def _summary(command: Callable[..., None]) -> str:
    """Return the first sentence of a command's help in full: typer cuts its own summaries at the end of the line."""
    paragraph = " ".join((command.__doc__ or "").partition("\n\n")[0].split())
    return f"{paragraph.partition('. ')[0].rstrip('.')}."


def show_version(is_wanted: bool) -> None:
    """Print the versions that a report of a fault needs, and exit."""
    if is_wanted:
        python = ".".join(map(str, sys.version_info[:3]))
        typer.echo(f"nextitem {version('nextitem')} (Python {python}, onnxruntime {version('onnxruntime')})")
        raise typer.Exit


app = typer.Typer(
    name="nextitem",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    init,
    doctor,
    simulate,
    split,
    prepare,
    presets,
    tune,
    train,
    export,
    evaluate,
    compare,
    recommend,
    explain,
    batch,
    retrain,
    publish,
    gate,
    versions,
    promote,
    rollback,
    shadow,
    canary,
    availability,
    drift,
    cost,
):
    app.command(short_help=_summary(command))(with_groups(command))

items = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Attributes of items: the catalogue of a route.")
ITEMS: tuple[Callable[..., None], ...] = (
    catalogue.publish,
    catalogue.show,
    catalogue.versions,
    catalogue.diff,
    catalogue.rollback,
)
for item_command in ITEMS:
    items.command(short_help=_summary(item_command))(with_groups(item_command))
app.add_typer(items, name="items")

event_lake = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The event lake: what training learns from.")
for lake_command in (lake.collect, lake.compact):
    event_lake.command(short_help=_summary(lake_command))(with_groups(lake_command))
app.add_typer(event_lake, name="lake")

experiments = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The experiment of a route: a new version on a part of the sessions.",
)
EXPERIMENT: tuple[Callable[..., None], ...] = (experiment.status, experiment.look, experiment.stop, experiment.log)
for experiment_command in EXPERIMENT:
    experiments.command(short_help=_summary(experiment_command))(with_groups(experiment_command))
app.add_typer(experiments, name="experiment")

mirrors = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The registry shown elsewhere, one way.")


@mirrors.callback()
def _mirrors() -> None:
    """Keep the name of the only command."""


mirrors.command(short_help=_summary(mirror.mlflow))(with_groups(mirror.mlflow))
app.add_typer(mirrors, name="mirror")


@app.callback()
def options(
    context: typer.Context,
    settings: Annotated[
        Path | None,
        typer.Option(
            envvar="NEXTITEM_SETTINGS",
            help=f"File of defaults for the options, by default {SETTINGS_FILE} of this folder, if there is one.",
            show_default=False,
        ),
    ] = None,
    show: Annotated[  # noqa: ARG001 - its callback acts
        bool, typer.Option("--version", help="Show the version and exit.", callback=show_version, is_eager=True)
    ] = False,
) -> None:
    """Session-based next-item recommendation: from a file of events to a served model."""
    path, name = settings or Path(SETTINGS_FILE), context.invoked_subcommand
    if name is None or name == "init" or not (settings or path.exists()):
        return
    options = {command: options_of(found.params) for command, found in commands_of(context.command).items()}
    invoked = [command for command in options if command.partition(" ")[0] == name]  # none: typer says so
    context.default_map = nested({command: read_defaults(path, options, command, context) for command in invoked})


def main() -> None:
    """Run the command line."""
    with stoppable() as stop:
        try:
            app()
        except NextItemError as error:
            if stop.signal is None:
                sys.stderr.write(f"nextitem: {' '.join(str(error).splitlines())}\n")
                sys.exit(BAD_INPUT if isinstance(error, InputError | ArtifactError) else FAILED)
        except BaseException:
            if stop.signal is None:
                raise
        if stop.signal is not None:
            _end(stop)


def _end(stop: Stop) -> NoReturn:
    if is_leader():
        sys.stderr.write(f"{stop.line()}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    # The clean-up is done. Ending the interpreter as well takes torch seconds, and DuckDB reports leaks in it.
    os._exit(stop.exit_code)
