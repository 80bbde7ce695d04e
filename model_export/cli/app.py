"""The command line: its commands, and errors as one line with an exit code."""

import sys

import typer

from model_export.cli.cost import cost
from model_export.cli.evaluate import evaluate
from model_export.cli.explain import explain
from model_export.cli.export import export
from model_export.cli.options import with_groups
from model_export.cli.prepare import prepare
from model_export.cli.recommend import recommend
from model_export.cli.registry import availability, promote, publish, rollback, versions
from model_export.cli.simulate import simulate
from model_export.cli.split import split
from model_export.cli.train import train
from model_export.cli.tune import tune
from nextitem.errors import ArtifactError, InputError, NextItemError

BAD_INPUT = 2
"""Exit code for wrong input, as for wrong options."""
FAILED = 1
"""Exit code for every other error, such as the registry's."""

app = typer.Typer(
    name="nextitem",
    help="Session-based next-item recommendation: from a file of events to a served model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    simulate,
    split,
    prepare,
    tune,
    train,
    export,
    evaluate,
    recommend,
    explain,
    publish,
    versions,
    promote,
    rollback,
    availability,
    cost,
):
    app.command()(with_groups(command))


def main() -> None:
    """Run the command line."""
    try:
        app()
    except NextItemError as error:
        sys.stderr.write(f"nextitem: {' '.join(str(error).splitlines())}\n")
        sys.exit(BAD_INPUT if isinstance(error, InputError | ArtifactError) else FAILED)
