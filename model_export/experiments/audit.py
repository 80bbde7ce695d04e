"""Write and read a route's audit log: what people and schedules changed by hand, each entry once and for ever.

Decisions of looks have documents of their own, with their evidence (`model_export.experiments.records`).
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from nextitem.aws.object_store import ObjectReader, ObjectStore
from nextitem.errors import ArtifactError, InputError, ObjectTooLarge, RegistryError
from nextitem.model.manifest import DECODE_ERRORS
from nextitem.registry.route import Route
from nextitem.registry.verdicts import Override, read_verdict

MAX_ENTRY_BYTES = 1 << 20
_WHAT = re.compile(r"[a-z]+(-[a-z]+)*")
_TRIES = 100
"""Entries of the same kind in the same microsecond."""


class AuditEntry(msgspec.Struct, frozen=True):
    """Something that was done to a route.

    Attributes:
        at: when, with a time zone.
        what: lower-case words with hyphens, such as ``forced-promotion``.
        reason: why, in one sentence for people.
        details: versions, verdicts, shares; anything that JSON has.
        schema: version of this document.
    """

    at: datetime
    what: str
    reason: str
    details: Mapping[str, Any] = {}
    schema: int = 1


def write_audit(bucket: ObjectStore, route: str, entry: AuditEntry) -> str:
    """Add an entry to a route's audit log and return its key. No entry is ever overwritten.

    Example:
        >>> entry = AuditEntry(datetime.now(UTC), "forced-promotion", "hotfix", {"version": "v59d8f80b305e2ad3"})
        >>> write_audit(bucket, "live", entry)
        'audit/live/20261129T143000.000000Z-forced-promotion.json'

    Raises:
        InputError: `what` has another form, or `at` has no time zone.
        RegistryUnavailable: the bucket cannot be used.
    """
    if not _WHAT.fullmatch(entry.what) or entry.at.tzinfo is None:
        raise InputError(f"audit entry {entry.what!r} at {entry.at}: lower-case words with hyphens, and a time zone")
    data = msgspec.json.encode(entry)
    time = entry.at.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    for number in range(_TRIES):
        key = f"{_prefix(route)}{time}-{entry.what}{f'-{number}' if number else ''}.json"
        if bucket.create(key, data):
            return key
    raise RegistryError(
        f"{_prefix(route)} has {_TRIES} entries {entry.what} of {time}; is a program writing in a loop?"
    )


def recorded_override(bucket: ObjectStore, route: str, what: str, details: Mapping[str, Any]) -> Override:
    """Return the `Override` of a promotion or an experiment, which adds the reason of the refusal to the audit log.

    Args:
        bucket: the registry's bucket.
        route: the route.
        what: see `AuditEntry`.
        details: see `AuditEntry`.
    """

    def record(reason: str) -> None:
        write_audit(bucket, route, AuditEntry(datetime.now(UTC), what, reason, details))

    return record


def record_change(
    bucket: ObjectStore, name: str, route: Route, at: datetime, what: str, reason: str, by: str, **details: str
) -> str:
    """Add a change that a person or a schedule has made to a route to its audit log; see `write_audit`.

    If the gate judged a version of the route by settings other than its defaults, the entry has them, as `gate`.

    Args:
        bucket: the registry's bucket.
        name: the route's name.
        route: the route after the change.
        at: when, with a time zone.
        what: see `AuditEntry`.
        reason: the same.
        by: a user, a page or a program.
        details: what else to keep, such as the experiment's id.

    Raises:
        RegistryError: the entry could not be written; the text says that the route has changed all the same.
    """
    versions = [variant.version for variant in route.variants]
    known: dict[str, Any] = {"revision": route.revision, "versions": versions, "by": by, **details}
    try:
        if settings := _gate_settings(bucket, versions):
            known["gate"] = settings
        return write_audit(bucket, name, AuditEntry(at, what, reason, known))
    except RegistryError as error:
        changed = f"route {name} has changed (revision {route.revision}), but its audit log has no entry of it"
        raise type(error)(f"{changed}: {error}") from error


def _gate_settings(bucket: ObjectReader, versions: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the gate's settings other than its defaults, by version; none of a verdict that cannot be read."""
    found = {}
    for version in versions:
        with suppress(ArtifactError, ObjectTooLarge):
            verdict = read_verdict(bucket, version)
            if verdict is not None and verdict.settings:
                found[version] = verdict.settings
    return found


def read_audit(bucket: ObjectReader, route: str) -> list[AuditEntry]:
    """Return all entries of a route's audit log, oldest first.

    Raises:
        RegistryError: the bucket cannot be read, or an entry has another form.
    """
    entries = []
    for key in bucket.keys(_prefix(route)):
        stored = bucket.read(key, MAX_ENTRY_BYTES)
        if stored is None:
            continue  # an administrator has removed it since
        try:
            entries.append(msgspec.json.decode(stored.data, type=AuditEntry))
        except DECODE_ERRORS as error:
            raise RegistryError(f"{key} is not an entry of an audit log: {error}") from None
    return sorted(entries, key=lambda entry: entry.at)


def _prefix(route: str) -> str:
    return f"audit/{route}/"
