"""Commands of the registry: `publish`, `versions`, `promote` and `rollback`."""

from typing import Annotated

import typer
from rich.table import Column, Table

from model_export.attributes.attribute_map import new_item_rows
from model_export.cli.console import OUT, print_json, say, waiting
from model_export.cli.options import ArtifactFolder, Json
from model_export.cli.registry_options import BucketOptions, RouteName
from model_export.data.atomic_file import temporary_folder
from model_export.data.sessions import FIRST_EPOCH_SECOND, format_time
from model_export.interruption import describe_if_stopped
from nextitem.registry.publisher import PublishedVersion, Publisher
from nextitem.registry.route import Route

Version = Annotated[str, typer.Argument(help="A published version.", show_default=False)]

MAYBE_CHANGED = "the route may have changed; nextitem versions shows it"


def publish(artifact: ArtifactFolder, registry: BucketOptions, as_json: Json = False) -> None:
    """Upload an artifact as a version. It gets no traffic, and is never changed."""
    describe_if_stopped(
        lambda: "uploaded files stay in the bucket, but are a version only with its manifest; publish again to go on"
    )
    with waiting(f"publishing {artifact}") as show_stage:

        def show_progress(key: str, sent: int, size: int) -> None:
            show_stage(f"publishing {key}: {sent / size:.0%} of {size / 1e9:.1f} GB")

        version = Publisher(registry.store(show_progress)).publish(artifact)
    if as_json:
        print_json({"version": version})
    else:
        if OUT.is_terminal:  # elsewhere a script reads the version, and knows what it does with it
            say(f"publishing gives it no traffic; this does: nextitem promote {version}")
        typer.echo(version)


def versions(registry: BucketOptions, route: RouteName = "live", as_json: Json = False) -> None:
    """List the versions of the registry, with their shares of the sessions."""
    with waiting("reading the registry"):
        published = Publisher(registry.store(), route).versions()
    if as_json:
        print_json([_summary(version) for version in published])
        return
    table = Table(Column("version", no_wrap=True), "share", "items", "trained on", "until", "validation HR@20")
    for version in published:
        training = version.manifest.training
        table.add_row(
            version.version,
            f"{version.share:.0%}" if version.share else "",
            str(version.manifest.model.items),
            f"{training.events} events",
            _when(training.last),
            f"{version.manifest.evaluation.get('hr@20', float('nan')):.4f}",
        )
    OUT.print(table)


def promote(
    version: Version,
    registry: BucketOptions,
    route: RouteName = "live",
    exclude_seen: Annotated[
        bool | None,
        typer.Option(
            help="Whether the route leaves out a session's own items, unless a request says otherwise. Without this "
            "option the route stays as it is; a new route does what the deployment says.",
            show_default=False,
        ),
    ] = None,
    explore: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Share of places that new items get beyond their scores where a request does not say. Without this "
            "option the route stays as it is; a new route does what the deployment says.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Give a version all traffic, after it has passed its certificate on this machine."""
    describe_if_stopped(lambda: MAYBE_CHANGED)
    with waiting(f"checking {version}"), temporary_folder() as folder:
        publisher = Publisher(registry.store(), route, rows=new_item_rows)
        new_route = publisher.promote(version, folder, exclude_seen=exclude_seen, explore=explore)
    _print_route(route, new_route, as_json)


def rollback(registry: BucketOptions, route: RouteName = "live", as_json: Json = False) -> None:
    """Restore the previous variants of the route, after their versions have passed their certificates on this machine.

    Run it again to go back one step more.
    """
    describe_if_stopped(lambda: MAYBE_CHANGED)
    with waiting("rolling back"), temporary_folder() as folder:
        new_route = Publisher(registry.store(), route, rows=new_item_rows).rollback(folder)
    _print_route(route, new_route, as_json)


def _summary(version: PublishedVersion) -> dict[str, object]:
    """Return the row of the table, with all validation metrics; the whole manifest is in the bucket."""
    training = version.manifest.training
    return {
        "version": version.version,
        "share": version.share,
        "items": version.manifest.model.items,
        "events": training.events,
        "until": _when(training.last),
        "validation": version.manifest.evaluation,
    }


def _print_route(name: str, route: Route, as_json: bool) -> None:
    if as_json:
        print_json(route)
        return
    shares = ", ".join(f"{variant.version} ({variant.variant})" for variant in route.variants)
    say(f"route {name}, revision {route.revision}: {shares}; seen items: {route.seen_items}")


def _when(time: float) -> str:
    is_epoch = time >= FIRST_EPOCH_SECOND
    return format_time(time, "%Y-%m-%d") if is_epoch else f"index {time:.0f}"
