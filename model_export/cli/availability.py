"""Command `availability`: the unavailable items of a route."""

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from model_export.cli.console import print_json, say, waiting
from model_export.cli.options import Json
from model_export.cli.registry_options import BucketOptions, RouteName
from model_export.data.atomic_file import temporary_folder
from model_export.interruption import describe_if_stopped
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.errors import ArtifactCorrupt, InputError, NextItemError, PathUnusable
from nextitem.model.manifest import MANIFEST, MAX_MANIFEST_BYTES, VOCABULARY, decode_manifest
from nextitem.model.vocabulary import Vocabulary
from nextitem.registry.availability_publisher import AvailabilityPublisher
from nextitem.registry.catalogue_publisher import CataloguePublisher
from nextitem.registry.publisher import Publisher
from nextitem.registry.reader import model_key

HEADER = "item_id"
"""A first line that is the column's name, as in files that other tools write, and no id."""
SHOWN = 5
"""Unknown ids in the message and in the JSON."""


@dataclass(frozen=True)
class Unknown:
    """The ids that neither a model of the route nor its catalogue has: their number, and the first of them."""

    count: int
    first: tuple[str, ...]


def availability(
    registry: BucketOptions,
    route: RouteName = "live",
    unavailable: Annotated[
        Path | None,
        typer.Option(
            help="File of unavailable item ids, one per line; - for standard input. All others become available."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show or change the unavailable items of a route. A change reaches all its versions within seconds."""
    store = registry.store()
    publisher = AvailabilityPublisher(store, route)
    if unavailable is None:
        current = publisher.current()
        if as_json:
            print_json(current)
        elif current.unavailable:
            typer.echo("\n".join(current.unavailable))
        else:
            say(f"route {route}: no item is unavailable")
        return
    item_ids = _ids(unavailable)
    describe_if_stopped(lambda: "the list may have changed; nextitem availability shows it")
    with waiting("writing availability"):
        current = publisher.set_unavailable(item_ids)
    say(f"route {route}: {len(current.unavailable)} items are unavailable (revision {current.revision})")
    unknown = _report_unknown(store, route, current.unavailable)
    if as_json:
        print_json(
            {"revision": current.revision, "unavailable": current.unavailable, "changed": current.changed}
            | {"unknown": unknown}
        )


def _report_unknown(store: BotoObjectStore, route: str, item_ids: Iterable[str]) -> Unknown | None:
    """Return the ids that neither a model of the route nor its catalogue has; None if they cannot be checked.

    Either is said in a message, too.
    """
    try:
        with waiting("comparing with the catalogue"):
            live = Publisher(store, route).current()
            if live is None:
                say(f"the ids are not compared with a catalogue: route {route} names no version yet")
                return None
            unknown = list(item_ids)
            for version in sorted(live.versions):
                unknown = _missing(store, version, unknown)
            unknown = _not_sold(store, route, unknown)
    except NextItemError as error:  # the change is made, and functions ignore ids that they do not know
        say(f"the ids are not compared with a catalogue: {error}")
        return None
    first = tuple(unknown[:SHOWN])
    if unknown:
        more = ", ..." if len(unknown) > len(first) else ""
        say(f"{len(unknown)} of them are in no catalogue of the route: {', '.join(first)}{more}")
    return Unknown(len(unknown), first)


def _not_sold(store: BotoObjectStore, route: str, item_ids: list[str]) -> list[str]:
    """Return the ids that the route's catalogue does not have: it may have items that no model was trained on.

    Raises:
        NextItemError: it cannot be read.
    """
    with temporary_folder() as folder:
        publisher = CataloguePublisher(store, folder, route)
        pointer = publisher.current() if item_ids else None
        if pointer is None:
            return item_ids
        vocabulary = publisher.open(pointer.version).vocabulary
        return [item_id for item_id in item_ids if vocabulary.index(item_id) is None]


def _missing(store: BotoObjectStore, version: str, item_ids: list[str]) -> list[str]:
    """Return the ids that a published version does not know. Of its files, only the vocabulary is fetched.

    Raises:
        NextItemError: it cannot be read.
    """
    stored = store.read(model_key(version, MANIFEST), MAX_MANIFEST_BYTES)
    if stored is None:
        raise ArtifactCorrupt(f"version {version} has no manifest in the bucket")
    size = decode_manifest(stored.data, version).files[VOCABULARY].size
    with temporary_folder() as folder:
        path = folder / VOCABULARY
        if not store.download(model_key(version, VOCABULARY), path, lambda: size):
            raise ArtifactCorrupt(f"version {version} has no vocabulary in the bucket")
        vocabulary = Vocabulary(path)
        return [item_id for item_id in item_ids if vocabulary.index(item_id) is None]


def _ids(path: Path) -> list[str]:
    """Return the ids of a file, without its header."""
    lines = _lines(path)
    if lines[:1] == [HEADER]:
        say(f"{_name(path)}: the first line is the header {HEADER}, and no id")
        return lines[1:]
    return lines


def _lines(path: Path) -> list[str]:
    r"""Return the lines of a UTF-8 file, or of standard input; a byte-order mark and empty lines are left out.

    Lines end with ``\n`` or ``\r\n`` only. `str.splitlines` and a file in text mode know more line ends, and would
    split an invalid id into two valid ones.
    """
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise PathUnusable(_name(path), "read", error) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{_name(path)} is not UTF-8: {error}") from error
    return [line for line in re.split(r"\r?\n", text) if line]


def _name(path: Path) -> str:
    return "standard input" if str(path) == "-" else str(path)
