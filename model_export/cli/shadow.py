"""Command `shadow`: replay sessions of the lake through the live version and another one."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from model_export.cli.console import OUT, print_json, progress
from model_export.cli.lake_options import IDLE_SECONDS, IdleSeconds, LakeCopy, lake_files
from model_export.cli.options import Json
from model_export.cli.registry_options import BucketOptions, DeploymentExcludeSeen, RouteName
from model_export.data.atomic_file import temporary_folder
from model_export.progress import Phase
from nextitem.errors import InputError

SHOWN = ("hr@20", "mrr@20")


def shadow(
    version: Annotated[str, typer.Argument(help="A published version, the challenger.", show_default=False)],
    registry: BucketOptions,
    days: Annotated[float, typer.Option(min=0.01, help="Sessions of so many days until now.")] = 1.0,
    sessions: Annotated[int, typer.Option(min=2, help="Maximum of sessions; of more, a sample.")] = 2_000,
    idle_seconds: IdleSeconds = IDLE_SECONDS,
    lake_folder: LakeCopy = None,
    exclude_seen: DeploymentExcludeSeen = False,
    route: RouteName = "live",
    as_json: Json = False,
) -> None:
    """Replay sessions of the event lake through the live version and another one, on this machine.

    No visitor sees it. Both rank the same next items with the engine that serves; unknown items are misses for either.
    """
    # Imported lazily: `--help` must not wait for DuckDB and ONNX Runtime
    from model_export.experiments.live_sessions import epoch_ms
    from model_export.experiments.shadow import sample_sessions
    from model_export.experiments.shadow import shadow as replay
    from model_export.lake.note import complete_until
    from nextitem.model.engine import Model
    from nextitem.registry.publisher import Publisher
    from nextitem.registry.reader import Registry

    bucket = registry.store()
    lake = lake_files(bucket, lake_folder)
    live = Publisher(bucket, route).current()
    if live is None:
        raise InputError(f"route {route} has no live version to compare with; nextitem promote gives it one")
    if live.champion.version == version:
        raise InputError(f"{version} is live on route {route}: there is nothing to compare")
    now = datetime.now(UTC)
    with progress() as view, temporary_folder() as folder:
        view.begin("reading the lake")
        until = min(now, complete_until(lake) or now)  # later sessions may lack their last events
        since, idle_ms = epoch_ms(until - timedelta(days=days)), round(idle_seconds * 1000)
        sampled = sample_sessions(lake, since, epoch_ms(until), sessions, idle_ms=idle_ms)
        view.begin("fetching both versions")
        names = (live.champion.version, version)
        champion, challenger = (Model(Registry(bucket, folder / name).fetch(name)) for name in names)
        view.plan([Phase(name, len(sampled)) for name in names])
        result = replay(
            champion,
            challenger,
            sampled,
            exclude_seen=live.leaves_out_seen(exclude_seen),
            progress=lambda name, done, _total: view.step(name, done),
        )
    if as_json:
        print_json(result)
        return
    table = Table(
        Column("", no_wrap=True),
        *(Column(metric, justify="right", no_wrap=True) for metric in SHOWN),
        title=f"{result.targets} next items of {result.sessions} sessions",
    )
    for name, estimates in (*result.quality.items(), ("difference", result.difference)):
        sign = "+" if name == "difference" else ""
        table.add_row(name, *(_interval(estimates[metric], sign) for metric in SHOWN))
    OUT.print(table)


def _interval(estimate: Any, sign: str) -> str:
    value, low, high = (f"{number:{sign}.4f}" for number in estimate)
    return f"{value} [{low}, {high}]"
