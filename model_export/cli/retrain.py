"""Command `retrain`: from the event lake to a judged version."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from model_export.cli.console import print_json, progress, say, waiting
from model_export.cli.options import Json
from model_export.cli.registry_options import BucketOptions, DeploymentExcludeSeen, RouteName
from model_export.cli.train import FitOptions
from model_export.cli.verdicts import end_with, show_verdict
from model_export.data.atomic_file import new_folder, temporary_folder
from model_export.interruption import describe_if_stopped
from model_export.retraining.limits import ContractLimits
from model_export.retraining.rules import GateRules
from model_export.retraining.settings import LakeSettings, RetrainSettings


def retrain(
    context: typer.Context,
    registry: BucketOptions,
    lake: LakeSettings,
    limits: ContractLimits,
    rules: GateRules,
    fit: FitOptions,
    exclude_seen: DeploymentExcludeSeen = False,
    route: RouteName = "live",
    out: Annotated[
        Path | None,
        typer.Option(help="New folder that keeps events, run and artifact; without it they are removed."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Settings as JSON, from `nextitem tune`; options here override them.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train on the event lake, publish the version without traffic, and judge it beside the live one.

    Before the training, data contracts check the events. The exit code is 2 if they are broken, and 3 if the version
    does not pass the gate. `nextitem promote` or a canary gives it traffic.
    """
    settings = RetrainSettings(lake, limits, rules, fit.config(context, config), exclude_seen)
    describe_if_stopped(lambda: "no version has other traffic; run it again, and it starts from the beginning")
    store = registry.store()
    with progress() as view, _folder(out) as folder:
        with waiting("starting torch"):
            from model_export.retraining.retrain import retrain as retrain_version
        result = retrain_version(store, folder, settings, route=route, work=view, say=say)
    if as_json:
        print_json(result.as_json())
    else:
        show_verdict(result.verdict)
        typer.echo(result.version)
    end_with(result.verdict)


@contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    with temporary_folder() if out is None else new_folder(out) as folder:
        yield folder
