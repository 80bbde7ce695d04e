"""Commands of the registry: `publish`, `versions`, `promote` and `rollback`."""

import os
from datetime import UTC, datetime
from getpass import getuser
from typing import Annotated

import typer

from model_export.attributes.attribute_map import new_item_rows
from model_export.cli.console import OUT, print_json, say, waiting, warn
from model_export.cli.options import ArtifactFolder, Json
from model_export.cli.registry_options import BucketOptions, RouteName
from model_export.cli.tables import column, table
from model_export.cli.verdicts import outcome_today
from model_export.data.atomic_file import temporary_folder
from model_export.data.sessions import FIRST_EPOCH_SECOND, format_time
from model_export.experiments.audit import record_change, recorded_override
from model_export.interruption import describe_if_stopped
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.registry.publisher import PublishedVersion, Publisher
from nextitem.registry.route import Route
from nextitem.registry.verdicts import Override

Version = Annotated[str, typer.Argument(help="A published version.", show_default=False)]

Force = Annotated[
    bool, typer.Option("--force", help="Also without a passing verdict. The audit log of the route then says so.")
]

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
    # Seven columns of this width are as many as 80 characters hold: --json also has the number of items.
    listed = table(
        column("version", whole=True),
        column("share", number=True),
        "verdict",
        column("training\nevents", number=True),
        column("until", whole=True),
        column("HR@20", number=True),
        title="HR@20 is that of the validation",
    )
    now = datetime.now(UTC)
    for version in published:
        training = version.manifest.training
        listed.add_row(
            version.version,
            f"{version.share:.0%}" if version.share else "",
            "" if version.verdict is None else outcome_today(version.verdict, now),
            f"{training.events:,}",
            _when(training.last),
            f"{version.manifest.evaluation.get('hr@20', float('nan')):.4f}",
        )
    OUT.print(listed)


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
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Give a version all traffic, after it has passed its certificate on this machine.

    If another version is live, this one needs a passing verdict beside it: `nextitem gate`.
    """
    describe_if_stopped(lambda: MAYBE_CHANGED)
    with waiting(f"checking {version}"), temporary_folder() as folder:
        store = registry.store()
        publisher = Publisher(store, route, rows=new_item_rows)
        override = forced(store, route, version, "forced-promotion") if force else None
        new_route = publisher.promote(version, folder, exclude_seen=exclude_seen, explore=explore, override=override)
        now = datetime.now(UTC)
        record_change(store, route, new_route, now, "promotion", "a person promoted a version", user())
    _print_route(route, new_route, as_json)


def rollback(registry: BucketOptions, route: RouteName = "live", as_json: Json = False) -> None:
    """Restore the previous variants of the route, after their versions have passed their certificates on this machine.

    Run it again to go back one step more.
    """
    describe_if_stopped(lambda: MAYBE_CHANGED)
    with waiting("rolling back"), temporary_folder() as folder:
        store = registry.store()
        new_route = Publisher(store, route, rows=new_item_rows).rollback(folder)
        now, reason = datetime.now(UTC), "a person restored the variants before"
        record_change(store, route, new_route, now, "rollback", reason, user())
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
        "verdict": None
        if version.verdict is None
        else {name: getattr(version.verdict, name) for name in ("passed", "reference", "judged_at", "reason")},
    }


def forced(store: BotoObjectStore, route: str, version: str, what: str) -> Override:
    """Return an `Override` that writes into the route's audit log, and warns.

    Args:
        store: the registry's bucket.
        route: the route.
        version: the version.
        what: what is forced, see `AuditEntry`.
    """
    record = recorded_override(store, route, what, {"version": version, "by": user()})

    def override(reason: str) -> None:
        record(reason)
        warn([reason])

    return override


def user() -> str:
    """Return the name of the user; its number in a container without names."""
    try:
        return getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _print_route(name: str, route: Route, as_json: bool) -> None:
    if as_json:
        print_json(route)
        return
    shares = ", ".join(f"{variant.version} ({variant.variant})" for variant in route.variants)
    say(f"route {name}, revision {route.revision}: {shares}; seen items: {route.seen_items}")


def _when(time: float) -> str:
    is_epoch = time >= FIRST_EPOCH_SECOND
    return format_time(time, "%Y-%m-%d") if is_epoch else f"index {time:.0f}"
