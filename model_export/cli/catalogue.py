"""Commands ``items``: publish a catalogue, look at it, compare two, and go back."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, get_args

import typer

from model_export.attributes.attribute_map import new_item_rows
from model_export.cli.console import OUT, print_json, say, waiting, warn
from model_export.cli.options import Json
from model_export.cli.registry_options import BucketOptions, RouteName
from model_export.cli.tables import column, table
from model_export.data.atomic_file import temporary_folder
from model_export.interruption import describe_if_stopped
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.catalogue.columns import Kind
from nextitem.catalogue.file import Catalogue
from nextitem.catalogue.version import is_catalogue_version
from nextitem.errors import InputError, VersionNotFound
from nextitem.registry.catalogue_pointer import CataloguePointer
from nextitem.registry.catalogue_publisher import CataloguePublisher

KINDS: tuple[Kind, ...] = get_args(Kind)
EXAMPLE_CHARS = 40
MINUTES = len("2026-01-31T09:30")
MAYBE_CHANGED = "the route may have another catalogue; nextitem items versions shows it"

ItemFile = Annotated[
    Path,
    typer.Argument(
        help="File of items: .csv, .tsv, .jsonl (each also with .gz) or .parquet, with a column item_id.",
        show_default=False,
    ),
]


def publish(
    file: ItemFile,
    registry: BucketOptions,
    route: RouteName = "live",
    kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            metavar="COLUMN=KIND",
            help=f"The kind of a column, if it is not as found: {', '.join(KINDS)}. Repeat it for more columns.",
            show_default=False,
        ),
    ] = None,
    filters: Annotated[
        Path | None,
        typer.Option(help="File of filters that requests may name: .toml or .json, one filter for each name."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Publish the attributes of all items as the route's catalogue.

    Nothing is published if a row is wrong. Running functions follow within the route's time to live.
    """
    describe_if_stopped(lambda: MAYBE_CHANGED)
    with _publisher(registry, route) as (publisher, folder):
        # Imported lazily: `--help` must not wait for DuckDB.
        from model_export.data.items.build import build_catalogue

        with waiting(f"reading {file}"):
            built = build_catalogue(file, folder / "catalogue.bin", _kinds(kinds or ()), filters)
        with waiting("publishing"):
            pointer = publisher.publish(built.path)
        columns = built.typed.columns
        warn(built.typed.warnings)
        if as_json:
            found = [{"name": name, "kind": of.kind, "missing": of.missing} for name, of in columns.items()]
            print_json({**_summary(pointer), "columns": found, "filters": sorted(built.catalogue.named_filters)})
            return
        listed = table("column", "kind", "missing", "example")
        for name, of in columns.items():
            example = of.example[:EXAMPLE_CHARS] + "…" * (len(of.example) > EXAMPLE_CHARS)
            listed.add_row(name, of.kind, str(of.missing), example)
        OUT.print(listed)
        _say_pointer(route, pointer)


def show(
    item_id: Annotated[str, typer.Argument(help="The item.", show_default=False)],
    registry: BucketOptions,
    route: RouteName = "live",
    as_json: Json = False,
) -> None:
    """Show the attributes that the route's catalogue has of an item."""
    with _publisher(registry, route) as (publisher, _):
        with waiting("reading the catalogue"):
            catalogue = publisher.open(_live(publisher, route).version)
        position = catalogue.vocabulary.index(item_id)
        if position is None:
            raise VersionNotFound(f"catalogue {catalogue.version} of route {route} has no item {item_id!r}")
        values = {name: catalogue.value(name, position) for name in catalogue.columns}
        if as_json:
            print_json({"item_id": item_id, "catalogue": catalogue.version, "fields": values})
            return
        fields = table("column", "kind", "value")
        for name, value in values.items():
            fields.add_row(name, catalogue.columns[name].kind, "" if value is None else str(value))
        OUT.print(fields)


def versions(registry: BucketOptions, route: RouteName = "live", as_json: Json = False) -> None:
    """List the catalogues that the route used, newest first."""
    with _publisher(registry, route) as (publisher, _), waiting("reading the registry"):
        live, history = publisher.current(), publisher.history()
    if as_json:
        print_json([_summary(pointer) | {"live": pointer == live} for pointer in history])
        return
    listed = table("revision", column("catalogue", whole=True), "items", column("since", whole=True), "")
    for pointer in history:
        restored = "" if pointer.restores is None else f"restores {pointer.restores}"
        state = "live" if pointer == live else ""
        notes = ", ".join(filter(None, (state, restored)))
        listed.add_row(str(pointer.revision), pointer.version, str(pointer.items), pointer.changed[:MINUTES], notes)
    OUT.print(listed)


def diff(
    registry: BucketOptions,
    before: Annotated[
        str | None, typer.Argument(help="A catalogue or a file of items; by default the route's previous one.")
    ] = None,
    after: Annotated[str | None, typer.Argument(help="Another one; by default the route's.")] = None,
    route: RouteName = "live",
    as_json: Json = False,
) -> None:
    """Compare two catalogues. With one argument, the route's catalogue is compared with it."""
    with _publisher(registry, route) as (publisher, folder), waiting("comparing"):
        from model_export.data.items.changes import compare  # imported lazily, as above

        live = _live(publisher, route)
        if before is None:
            earlier = [pointer for pointer in publisher.history() if pointer.revision < live.revision]
            if not earlier:
                raise VersionNotFound(f"route {route} has no earlier catalogue to compare with")
            first, second = publisher.open(earlier[0].version), publisher.open(live.version)
        elif after is None:
            first, second = publisher.open(live.version), _opened(publisher, before, folder / "second.bin")
        else:
            first = _opened(publisher, before, folder / "first.bin")
            second = _opened(publisher, after, folder / "second.bin")
        changes = compare(first, second)
    if as_json:
        print_json(changes)
        return
    typer.echo(f"{changes.before} -> {changes.after}")
    for word, group in (("added", changes.added), ("removed", changes.removed), ("changed", changes.changed)):
        more = ", ..." if group.count > len(group.first) else ""
        typer.echo(f"{group.count} items {word}" + (f": {', '.join(group.first)}{more}" if group.count else ""))
    for name, count in changes.by_column.items():
        typer.echo(f"  {name}: {count} items")
    for word, names in (("new", changes.added_columns), ("gone", changes.removed_columns)):
        if names:
            typer.echo(f"columns that are {word}, or of another kind: {', '.join(names)}")


def rollback(registry: BucketOptions, route: RouteName = "live", as_json: Json = False) -> None:
    """Restore the route's previous catalogue. Run it again to go back one step more."""
    describe_if_stopped(lambda: MAYBE_CHANGED)
    with _publisher(registry, route) as (publisher, _), waiting("rolling back"):
        pointer = publisher.rollback()
    if as_json:
        print_json(_summary(pointer))
    else:
        _say_pointer(route, pointer)


@contextmanager
def _publisher(registry: BucketOptions, route: str) -> Iterator[tuple[CataloguePublisher, Path]]:
    """Give a publisher of the route's catalogues and a folder for the time of a command."""
    store: BotoObjectStore = registry.store()
    with temporary_folder() as folder:
        yield CataloguePublisher(store, folder, route, rows=new_item_rows), folder


def _live(publisher: CataloguePublisher, route: str) -> CataloguePointer:
    pointer = publisher.current()
    if pointer is None:
        raise VersionNotFound(f"route {route} has no catalogue; nextitem items publish gives it one")
    return pointer


def _opened(publisher: CataloguePublisher, name: str, target: Path) -> Catalogue:
    """Return a published catalogue, or that of a file of items, which is not published."""
    if is_catalogue_version(name):
        return publisher.open(name)
    from model_export.data.items.build import build_catalogue

    return build_catalogue(Path(name), target).catalogue


def _kinds(texts: Iterable[str]) -> dict[str, Kind]:
    """Return the kinds of columns that options name.

    Raises:
        InputError: an option has another form, or names no kind.
    """
    kinds: dict[str, Kind] = {}
    for text in texts:
        name, sign, wanted = text.rpartition("=")
        kind = next((kind for kind in KINDS if kind == wanted), None)
        if not sign or kind is None:
            raise InputError(f"--type {text}: must be a column, = and one of {', '.join(KINDS)}")
        kinds[name] = kind
    return kinds


def _summary(pointer: CataloguePointer) -> dict[str, object]:
    return {
        "version": pointer.version,
        "revision": pointer.revision,
        "items": pointer.items,
        "changed": pointer.changed,
        "restores": pointer.restores,
    }


def _say_pointer(route: str, pointer: CataloguePointer) -> None:
    say(f"route {route}: catalogue {pointer.version} with {pointer.items} items (revision {pointer.revision})")
