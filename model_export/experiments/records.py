"""The documents of an experiment in the bucket: its record, and one for each look.

`record.json` changes by compare-and-set. A look's document is written once, before the route changes: it is the audit
log, and the sums of all looks so far are in these documents, so that a look reads only the newest part of the lake.
"""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Literal, TypeVar

import msgspec
import numpy as np

from model_export.experiments.assignment import AssignedSessions
from model_export.experiments.decide import Decision, Rules
from model_export.experiments.sequential import ArmSums
from nextitem.aws.object_store import ObjectReader, ObjectStore
from nextitem.errors import InputError, RegistryError, RegistryUnavailable, RouteConflict
from nextitem.model.manifest import DECODE_ERRORS
from nextitem.registry.experiment import Kind

EXPERIMENTS = "experiments/"
RECORD = "record.json"
MAX_DOCUMENT_BYTES = 1 << 20
READS_AT_ONCE = 16
logger = logging.getLogger(__name__)
MAX_SECONDS = 31 * 86_400
"""Longest time in the settings of an experiment."""

Outcome = Literal["promoted", "rolled_back", "stopped", "ended_by_hand", "never_started"]
"""How an experiment ended: by a decision, by `nextitem experiment stop`, because a person changed the route, or because
its start was interrupted."""


class Timing(msgspec.Struct, frozen=True):
    """When sessions count, in seconds.

    Attributes:
        idle: a session has ended when it had no event for so long.
        delay: how long events may take into the lake: the pause between two runs of the collector, and its duration.
            By default a quarter of an hour and ten minutes, as in template.yaml. If they take longer, looks say that
            the collector is behind. No session is counted before all of its events are in the lake.
        settle: how long running functions may take to follow a changed route (`NEXTITEM_ROUTE_TTL_SECONDS`), and some
            more. Sessions that were under way at a change, or began within this time, do not count.
        longest: longer sessions do not count.
    """

    idle: float = 1_800
    delay: float = 1_500
    settle: float = 60
    longest: float = 14_400

    def __post_init__(self) -> None:
        """Check the ranges: JSON has no infinity, so the record could not be read again.

        Raises:
            InputError: a time is out of range.
        """
        for name, least in (("idle", 1.0), ("delay", 0.0), ("settle", 0.0), ("longest", 1.0)):
            seconds = getattr(self, name)
            if not least <= seconds <= MAX_SECONDS:
                raise InputError(f"timing of the experiment, {name} {seconds}: {least:g} to {MAX_SECONDS} seconds")


class ShareChange(msgspec.Struct, frozen=True):
    """The challenger's share of the sessions from a time on."""

    since: datetime
    share: float


class Record(msgspec.Struct, frozen=True):
    """An experiment.

    Attributes:
        experiment: its id.
        route: the route's name.
        champion: the version that was live before it.
        challenger: the version that is tried.
        kind: whether the challenger answers its sessions alone, or both versions do.
        rules: what it may do.
        timing: when sessions count.
        conversions: the types of events that are conversions.
        started: when this record was written, right before the route was changed.
        shares: the challenger's shares so far; empty until the route is known to have the experiment.
        ended: when it ended; None while it runs.
        outcome: how; None while it runs.
        schema: version of this document.
    """

    experiment: str
    route: str
    champion: str
    challenger: str
    kind: Kind
    rules: Rules
    timing: Timing
    conversions: tuple[str, ...]
    started: datetime
    shares: tuple[ShareChange, ...] = ()
    ended: datetime | None = None
    outcome: Outcome | None = None
    schema: int = 1


class LookSums(msgspec.Struct, frozen=True):
    """The sessions of an arm that ended between two looks: their number, the sums of outcomes and of their squares."""

    sessions: float
    outcomes: float
    squares: float


class LeftOut(msgspec.Struct, frozen=True):
    """Sessions that ended between two looks and do not count.

    Attributes:
        under_way: they were under way when a share changed, or began right after it.
        in_both_arms: they have events of both arms, or of another version.
        too_long: they are longer than `Timing.longest`.
        no_outcome: they count in no metric that needs an answer, or a credit.
    """

    under_way: int
    in_both_arms: int
    too_long: int
    no_outcome: int


class Look(msgspec.Struct, frozen=True):
    """A look with its decision and evidence.

    Attributes:
        at: when.
        sessions_until: sessions that ended by then are counted, in this look or an earlier one. The lake had all of
            their events.
        measured_since: from when on guard rails were measured, until `at`.
        measured: the measurements; empty if there were too few requests, so that the next look measures this time, too.
        champion: sessions that this look adds.
        challenger: the same.
        assigned: sessions of both arms that it adds, by the share at which they began, also those without an outcome.
        left_out: sessions that it leaves out.
        decision: what it decided.
        behind: whether the lake lacked events that arrived before the experiment's `Timing.delay`, or it was unknown
            until when it is complete.
        unmeasured: why the guard rails could not be measured; empty if they could. They are unknown then, as with too
            few requests: the look raises no share and promotes nothing.
        schema: version of this document.
    """

    at: datetime
    sessions_until: datetime
    measured_since: datetime
    measured: Mapping[str, float]
    champion: LookSums
    challenger: LookSums
    assigned: tuple[AssignedSessions, ...]
    left_out: LeftOut
    decision: Decision
    behind: bool = False
    unmeasured: str = ""
    schema: int = 1


Document = TypeVar("Document", Record, Look)


def create_record(bucket: ObjectStore, record: Record) -> None:
    """Write the record of a new experiment.

    Raises:
        RouteConflict: there is one of this id.
    """
    if not bucket.create(record_key(record.route, record.experiment), msgspec.json.encode(record)):
        raise RouteConflict(f"route {record.route} has had experiment {record.experiment} already")


def change_record(bucket: ObjectStore, old: Record, new: Record) -> Record:
    """Replace a record that is still as it was read, and return the new one.

    Raises:
        RouteConflict: another process changed it.
    """
    key = record_key(old.route, old.experiment)
    stored = bucket.read(key, MAX_DOCUMENT_BYTES)
    is_same = stored is not None and _decode(stored.data, key, Record) == old
    if stored is None or not is_same or not bucket.replace(key, msgspec.json.encode(new), stored.etag):
        raise RouteConflict(f"{key} was changed meanwhile; look again")
    return new


def read_records(bucket: ObjectReader, route: str) -> list[Record]:
    """Return the records of a route's experiments, oldest first; damaged ones are logged and left out.

    Raises:
        RegistryUnavailable: the bucket cannot be read.
    """
    keys = [key for key in bucket.keys(f"{EXPERIMENTS}{route}/") if key.endswith(f"/{RECORD}")]
    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        read = [record for record in pool.map(lambda key: _readable(bucket, key), keys) if record is not None]
    return sorted(read, key=lambda record: record.started)


def read_record(bucket: ObjectReader, route: str, experiment: str) -> Record | None:
    """Return the record of an experiment; None if there is none.

    Raises:
        RegistryError: it is damaged, or the bucket cannot be read.
    """
    key = record_key(route, experiment)
    stored = bucket.read(key, MAX_DOCUMENT_BYTES)
    return None if stored is None else _decode(stored.data, key, Record)


def read_open_records(bucket: ObjectReader, route: str) -> list[Record]:
    """Return the records of a route's experiments that have not ended, as `read_records` does."""
    return [record for record in read_records(bucket, route) if record.ended is None]


def _readable(bucket: ObjectReader, key: str) -> Record | None:
    try:
        stored = bucket.read(key, MAX_DOCUMENT_BYTES)
        return None if stored is None else _decode(stored.data, key, Record)
    except RegistryUnavailable:
        raise
    except RegistryError as error:
        logger.warning("an experiment is left out: %s", error)
        return None


def add_look(bucket: ObjectStore, record: Record, look: Look) -> bool:
    """Write a look's document; return False if another process has made this look."""
    key = look_key(record.route, record.experiment, look.decision.look)
    return bucket.create(key, msgspec.json.encode(look))


def read_looks(bucket: ObjectReader, record: Record) -> list[Look]:
    """Return an experiment's looks, first to last.

    Raises:
        RegistryError: one is damaged, or the bucket cannot be read.
    """
    keys = bucket.keys(look_key(record.route, record.experiment, 0).rpartition("/")[0] + "/")
    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        stored = pool.map(lambda key: bucket.read(key, MAX_DOCUMENT_BYTES), keys)
    return [_decode(each.data, key, Look) for key, each in zip(keys, stored, strict=True) if each is not None]


def readable_looks(bucket: ObjectReader, record: Record) -> list[Look]:
    """Return the looks of an experiment that has ended; none, after a warning, if one is damaged.

    Raises:
        RegistryUnavailable: the bucket cannot be read.
    """
    try:
        return read_looks(bucket, record)
    except RegistryUnavailable:
        raise
    except RegistryError as error:
        logger.warning("the decisions of experiment %s are left out: %s", record.experiment, error)
        return []


def arm_sums(sums: Sequence[LookSums]) -> ArmSums:
    """Return the sums of an arm by look."""
    columns = np.array([msgspec.structs.astuple(each) for each in sums], np.float64).reshape(-1, 3).T
    return ArmSums(*columns)


def record_key(route: str, experiment: str) -> str:
    """Return the key of an experiment's record."""
    return f"{_folder(route, experiment)}{RECORD}"


def look_key(route: str, experiment: str, look: int) -> str:
    """Return the key of a look's document."""
    return f"{_folder(route, experiment)}decisions/{look:06d}.json"


def _folder(route: str, experiment: str) -> str:
    return f"{EXPERIMENTS}{route}/{experiment}/"


def _decode(data: bytes, key: str, kind: type[Document]) -> Document:
    try:
        return msgspec.json.decode(data, type=kind)
    except DECODE_ERRORS as error:
        raise RegistryError(f"{key} is not a document of an experiment: {error}") from None
