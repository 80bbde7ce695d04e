"""Command `gate`: judge a published version beside the live one."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from model_export.cli.console import progress, read_events
from model_export.cli.options import Json, LayoutOptions
from model_export.cli.registry import Version
from model_export.cli.registry_options import BucketOptions, DeploymentExcludeSeen, RouteName
from model_export.cli.verdicts import print_verdict
from model_export.data.atomic_file import temporary_folder
from model_export.interruption import describe_if_stopped
from model_export.retraining.rules import GateRules


def gate(
    version: Version,
    registry: BucketOptions,
    rules: GateRules,
    layout: LayoutOptions,
    route: RouteName = "live",
    events: Annotated[
        list[str] | None,
        typer.Option(
            help="Files of events to judge by, with the layout of the options; may be repeated. By default the event "
            "lake of the bucket.",
            show_default=False,
        ),
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="Newest UTC days of the lake to look for sessions in.")] = 7,
    exclude_seen: DeploymentExcludeSeen = False,
    as_json: Json = False,
) -> None:
    """Judge a published version beside the live one, and write the verdict that `nextitem promote` asks for.

    Only sessions count that begin after both trainings. The exit code is 3 if the version does not pass.
    """
    describe_if_stopped(lambda: "the verdict is as it was before")
    store = registry.store()
    with progress() as view, temporary_folder() as folder:
        if events:
            sessions, _figures = read_events(events, layout.layout)
        else:
            from model_export.retraining.fetch import (
                lake_sessions,
            )  # imported lazily: `--help` must not wait for DuckDB

            sessions = lake_sessions(store, folder / "lake", days, datetime.now(UTC), view)
        from model_export.retraining.gate import gate as judge_version

        verdict = judge_version(
            store,
            version,
            sessions,
            folder / "versions",
            deployment_leaves_out_seen=exclude_seen,
            route=route,
            rules=rules,
            work=view,
        )
    print_verdict(verdict, as_json=as_json)
