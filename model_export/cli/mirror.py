"""Command ``mirror mlflow``: what the registry says, in MLflow's model registry."""

import re
from typing import Annotated

import typer

from model_export.cli.console import print_json, say, waiting
from model_export.cli.extras import extra
from model_export.cli.options import Json
from model_export.cli.registry_options import BucketOptions, RouteName
from model_export.interruption import describe_if_stopped
from nextitem.errors import InputError
from nextitem.registry.publisher import Publisher

MODEL_NAME = r"[A-Za-z0-9 ._-]{1,200}"


def mlflow(
    registry: BucketOptions,
    tracking_uri: Annotated[
        str,
        typer.Option(envvar="MLFLOW_TRACKING_URI", help="MLflow's server, or sqlite:///FILE.", show_default=False),
    ],
    route: RouteName = "live",
    model: Annotated[
        str | None,
        typer.Option(help="Name of the registered model, by default nextitem- and the route.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show versions, verdicts, champion and challenger in MLflow's model registry.

    It writes into MLflow only what differs, and never into the bucket. Run it again at any time, one at a time.
    """
    describe_if_stopped(lambda: "MLflow may have a part of it; the next run goes on")
    name = model or f"nextitem-{route}"
    if not re.fullmatch(MODEL_NAME, name):
        raise InputError(f"--model {name}: up to 200 letters, digits, spaces and ._-")
    with extra("mlflow"), waiting("reading the registry") as show:
        from model_export.tracking.entries import mirrored
        from model_export.tracking.mirror import write_mirror

        publisher = Publisher(registry.store(), route)
        wanted = mirrored(registry.name, publisher.versions(), publisher.current())
        show(f"writing {name} into MLflow")
        changes = write_mirror(tracking_uri, name, wanted)
    if as_json:
        print_json(changes)
        return
    counts = f"{len(changes.added)} added, {len(changes.updated)} updated, {len(changes.removed)} no longer published"
    say(f"{name}: {len(wanted.entries)} versions, {counts}")
    for alias, version in changes.aliases.items():
        say(f"{alias}: {version}")
