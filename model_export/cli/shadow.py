"""Command `shadow`: replay sessions of the lake through the live version and another one."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from model_export.cli.comparison import show_comparison
from model_export.cli.console import print_json, progress
from model_export.cli.lake_options import IDLE_SECONDS, IdleSeconds, LakeCopy, lake_files
from model_export.cli.options import Json
from model_export.cli.registry_options import BucketOptions, DeploymentExcludeSeen, RouteName
from model_export.data.atomic_file import temporary_folder
from model_export.progress import Phase
from nextitem.errors import InputError


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
    from model_export.evaluation.versions import compare_versions
    from model_export.experiments.live_sessions import epoch_ms
    from model_export.experiments.shadow import sample_sessions
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
        result = compare_versions(
            champion, challenger, sampled, exclude_seen=live.leaves_out_seen(exclude_seen), progress=view.step
        )
    if as_json:
        print_json(result)
    else:
        show_comparison(result)
