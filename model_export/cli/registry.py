"""Commands about the registry: `publish`, `versions`, `promote`, `rollback` and `availability`."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.table import Column, Table

from model_export.cli.console import OUT, print_json, say, waiting
from model_export.cli.options import ArtifactFolder, Json
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.errors import InputError
from nextitem.registry.publisher import Publisher
from nextitem.registry.reader import Route

BucketName = Annotated[str, typer.Option(envvar="NEXTITEM_BUCKET", help="The registry's bucket.", show_default=False)]
RouteName = Annotated[str, typer.Option(envvar="NEXTITEM_ROUTE", help="The route.")]
Version = Annotated[str, typer.Argument(help="A published version.", show_default=False)]


def publish(
    artifact: ArtifactFolder,
    bucket: BucketName,
    as_json: Json = False,
) -> None:
    """Upload an artifact. A version is written once and never changed; this gives it no traffic."""
    with waiting(f"publishing {artifact}") as show_stage:

        def show_progress(key: str, sent: int, size: int) -> None:
            show_stage(f"publishing {key}: {sent / size:.0%} of {size / 1e9:.1f} GB")

        version = Publisher(BotoObjectStore(bucket, on_progress=show_progress)).publish(artifact)
    if as_json:
        print_json({"version": version})
    else:
        typer.echo(version)


def versions(bucket: BucketName, route: RouteName = "live", as_json: Json = False) -> None:
    """List the versions of the registry, and the share of sessions that each has."""
    with waiting("reading the registry"):
        found = Publisher(BotoObjectStore(bucket), route).versions()
    if as_json:
        print_json([{"version": one.version, "share": one.share, "manifest": one.manifest} for one in found])
        return
    table = Table(Column("version", no_wrap=True), "share", "items", "trained on", "until", "validation HR@20")
    for one in found:
        training = one.manifest.training
        table.add_row(
            one.version,
            f"{one.share:.0%}" if one.share else "",
            str(one.manifest.model.items),
            f"{training.events} events",
            _when(training.last),
            f"{one.manifest.evaluation.get('hr@20', float('nan')):.4f}",
        )
    OUT.print(table)


def promote(version: Version, bucket: BucketName, route: RouteName = "live", as_json: Json = False) -> None:
    """Give a version all traffic, after it has answered its certificate here."""
    with waiting(f"checking {version}"), TemporaryDirectory() as folder:
        changed = Publisher(BotoObjectStore(bucket), route).promote(version, Path(folder))
    _tell(route, changed, as_json)


def rollback(bucket: BucketName, route: RouteName = "live", as_json: Json = False) -> None:
    """Restore what was live before; again, what was live before that."""
    with waiting("rolling back"):
        changed = Publisher(BotoObjectStore(bucket), route).rollback()
    _tell(route, changed, as_json)


def availability(
    bucket: BucketName,
    route: RouteName = "live",
    unavailable: Annotated[
        Path | None,
        typer.Option(help="Item ids, one a line ('-': standard input): these are unavailable, all others available."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show which items are unavailable, or change that for every version of the route, within seconds."""
    publisher = Publisher(BotoObjectStore(bucket), route)
    if unavailable is None:
        found = publisher.availability()
    else:
        item_ids = _lines(unavailable)
        with waiting("writing availability"):
            found = publisher.set_unavailable(item_ids)
    if as_json:
        print_json(found)
    elif unavailable is None:
        typer.echo("".join(f"{item_id}\n" for item_id in found.unavailable), nl=False)
    else:
        say(f"route {route}: {len(found.unavailable)} items are unavailable (revision {found.revision})")


def _lines(path: Path) -> list[str]:
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    return [line for line in text.splitlines() if line]


def _tell(name: str, route: Route, as_json: bool) -> None:
    if as_json:
        print_json(route)
        return
    shares = ", ".join(f"{variant.version} ({variant.variant})" for variant in route.variants)
    say(f"route {name}, revision {route.revision}: {shares}")


def _when(time: float) -> str:
    calendar = 946_684_800  # 2000-01-01; what is smaller is a running index
    return datetime.fromtimestamp(time, UTC).date().isoformat() if time >= calendar else f"index {time:.0f}"
