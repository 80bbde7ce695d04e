"""Puts the commands together and turns the project's errors into one line and an exit code."""

import sys

import typer

from model_export.cli import evaluate, explain, recommend, registry, split, train
from model_export.cli.cost import cost
from model_export.cli.prepare import prepare
from model_export.cli.tune import tune
from nextitem.errors import ArtifactError, InputError, NextItemError

BAD_INPUT = 2
"""Exit code where the input is at fault, as for wrong options."""
FAILED = 1
"""Exit code where the registry or anything else is."""

app = typer.Typer(
    name="nextitem",
    help="Session-based next-item recommendation: from a file of events to a served model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    split.simulate,
    split.split,
    prepare,
    tune,
    train.train,
    train.export,
    evaluate.evaluate,
    recommend.recommend,
    explain.explain,
    registry.publish,
    registry.versions,
    registry.promote,
    registry.rollback,
    registry.availability,
    cost,
):
    app.command()(command)


def main() -> None:
    """Run the command line."""
    try:
        app()
    except NextItemError as error:
        sys.stderr.write(f"nextitem: {' '.join(str(error).splitlines())}\n")
        sys.exit(BAD_INPUT if isinstance(error, InputError | ArtifactError) else FAILED)
