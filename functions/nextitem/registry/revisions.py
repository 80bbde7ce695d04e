"""Write the next revision of a document by compare-and-set, and find an earlier one. Never on the request path.

A change is computed from the document as it was read and written only if it is still so: of two writers one gets
`RouteConflict`. If a change is interrupted before its revision is in the history, the next one writes it.
"""

import logging
from collections.abc import Callable

import msgspec

from nextitem.aws.object_store import ObjectStore
from nextitem.errors import RegistryUnavailable
from nextitem.registry.history import ReadDocument, Revised, RevisedDocument
from nextitem.registry.writes import compare_and_set

logger = logging.getLogger(__name__)


def write_revision(
    bucket: ObjectStore,
    kind: RevisedDocument[Revised],
    route: str,
    read: ReadDocument[Revised],
    make: Callable[[int, Revised | None], Revised],
) -> Revised:
    """Write the next revision of a route's document, and return it.

    Args:
        bucket: the registry's bucket.
        kind: of the document.
        route: the route's name.
        read: the document as it was read.
        make: returns the new document from its revision and the document before it, None if there is none.

    Raises:
        RouteConflict: the document was changed since it was read.
        RegistryUnavailable: the bucket cannot be used.
    """
    newest = max(kind.revisions(bucket, route), default=0)
    if read.document is None:
        revision, before = newest + 1, kind.revision(bucket, route, newest)
    else:
        before = live = read.document
        if live.revision < newest:  # a person restored an older one by hand: that was a change, too
            live = msgspec.structs.replace(live, revision=newest + 1, restores=live.restores or live.revision)
        bucket.create(kind.revision_key(route, live.revision), msgspec.json.encode(live))
        revision = live.revision + 1
    document = make(revision, before)
    key, data = kind.key_of(route), msgspec.json.encode(document)
    compare_and_set(bucket, key, read.stored, data)
    try:
        bucket.create(kind.revision_key(route, revision), data)
    except RegistryUnavailable as error:  # as an error it would invite a second change
        logger.warning("%s is changed; the next change adds revision %d to its history: %s", key, revision, error)
    return document


def previous_revision(
    bucket: ObjectStore,
    kind: RevisedDocument[Revised],
    route: str,
    live: Revised,
    version_of: Callable[[Revised], str],
) -> Revised | None:
    """Return the newest revision with another version, before the one that the live document is or restores.

    Two revisions in a row may have one version: changes of shares have, and those around one that the history lost.

    Args:
        bucket: the registry's bucket.
        kind: of the document.
        route: the route's name.
        live: its document.
        version_of: returns the version that a rollback of a document changes.

    Returns:
        The revision; None if there is none.
    """
    before = live.restores or live.revision
    for number in reversed(kind.revisions(bucket, route)):
        document = kind.revision(bucket, route, number) if number < before else None
        if document is not None and version_of(document) != version_of(live):
            return document
        if document is not None:
            before = document.restores or number
    return None
