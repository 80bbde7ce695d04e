"""An experiment from its start to its end: a look reads the lake, decides, and changes the route.

The order of writes makes each of them safe to lose. A start writes the record, then the route. A look writes its
document, then the route, then the record: if it is interrupted, the next look finds a decision that is not carried out,
and carries it out instead of a decision of its own. The document is created only once, so of two looks at a time one
decides.

Nothing here needs torch, pandas or a console: a Lambda function with DuckDB, numpy, ONNX Runtime and boto3 can look.
"""

from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import msgspec

from model_export.attributes.attribute_map import new_item_rows
from model_export.experiments.audit import AuditEntry, record_change, write_audit
from model_export.experiments.decide import Rules
from model_export.experiments.measurements import Measurements
from model_export.experiments.new_look import new_look
from model_export.experiments.records import (
    Look,
    Outcome,
    Record,
    ShareChange,
    Timing,
    add_look,
    change_record,
    create_record,
    read_looks,
    read_open_records,
    read_record,
    readable_looks,
    record_key,
)
from model_export.lake.events import LakeFiles
from nextitem.aws.object_store import ObjectStore
from nextitem.errors import InputError, NextItemError, RegistryError, RegistryUnavailable, RouteConflict
from nextitem.registry.experiment import Kind, new_experiment_id
from nextitem.registry.publisher import Publisher
from nextitem.registry.route import Route
from nextitem.registry.verdicts import Override

STARTING = timedelta(hours=1)
"""How long a start may take between its record and the route: it downloads and checks the version."""
DEFAULT_TIMING = Timing()
TRIES = 3
"""Tries of a look beside other processes that change the same documents."""


def start_experiment(
    bucket: ObjectStore,
    route: str,
    challenger: str,
    kind: Kind,
    rules: Rules,
    now: datetime,
    *,
    by: str,
    timing: Timing = DEFAULT_TIMING,
    conversions: tuple[str, ...] = ("purchase",),
    override: Override | None = None,
) -> Record:
    """Give a version the first share of the rules' steps, after it has passed its certificate.

    It leaves an entry in the audit log, which says by whose doing (`by`).

    Raises:
        InputError: kind and metric do not fit, or the version is live already.
        NotJudged: it has no passing verdict beside the live version, and there is no override.
        VersionNotFound: it is not published, or the route has no version to compare with.
        ArtifactCorrupt: it fails its digests or its certificate.
        RouteConflict: an experiment runs already, or the route was changed meanwhile.
    """
    if (kind == "interleaving") != (rules.metric == "preference"):
        raise InputError("an experiment of kind interleaving has the metric preference, and no other kind has it")
    publisher = _publisher(bucket, route, now)
    live = publisher.current()
    if live is not None and live.experiment is not None:
        raise RouteConflict(
            f"experiment {live.experiment.experiment} runs on route {route}; end it with `nextitem experiment stop`"
        )
    record = Record(
        experiment=new_experiment_id(),
        route=route,
        champion="" if live is None else live.champion.version,
        challenger=challenger,
        kind=kind,
        rules=rules,
        timing=timing,
        conversions=conversions,
        started=now,
    )
    create_record(bucket, record)
    try:
        with TemporaryDirectory() as folder:
            changed = publisher.start_experiment(
                challenger, rules.steps[0], Path(folder), kind, experiment_id=record.experiment, override=override
            )
    except RegistryUnavailable:
        raise  # whether the route was changed is unknown: the next look finds out
    except NextItemError:
        change_record(bucket, record, _ended(record, "never_started", now))
        raise
    reason = f"{challenger} gets its first share of the sessions"
    record_change(bucket, route, changed, now, kind, reason, by, experiment=record.experiment)
    return _follow(bucket, record, changed)


def look_at_route(
    bucket: ObjectStore, lake: LakeFiles, route: str, measurements: Measurements, now: datetime
) -> Look | None:
    """Look at the experiment of a route, and do what it decides.

    If the guard rails cannot be measured, it looks all the same: `Look.unmeasured` says why.

    Args:
        bucket: the registry's bucket.
        lake: the lake, which may be the same.
        route: the route's name.
        measurements: measures what guard rails bound.
        now: with a time zone; it must grow from look to look.

    Returns:
        The look; None if there is no experiment to look at, or another process has just looked.

    Raises:
        RegistryError: the bucket or the lake cannot be read, the route has an experiment without a record, or other
            processes keep changing the documents.
    """
    for _ in range(TRIES - 1):
        try:
            return _look(bucket, lake, route, measurements, now)
        except RouteConflict:  # another look, or a person, was faster: read again what is to be done
            continue
    return _look(bucket, lake, route, measurements, now)


class Stopped(msgspec.Struct, frozen=True):
    """An experiment that was stopped.

    Attributes:
        experiment: its id.
        champion: the version that has all sessions.
        challenger: the version that was tried.
        record: its record; None if that could not be read, and so does not say that it has ended.
        unreadable: why not; None if it could.
    """

    experiment: str
    champion: str
    challenger: str
    record: Record | None
    unreadable: str | None


def stop_experiment(bucket: ObjectStore, route: str, now: datetime, *, by: str) -> Stopped:
    """End the experiment of a route: the champion keeps all sessions. It leaves an entry in the audit log.

    No document of an experiment can prevent that: only the route is needed.

    Raises:
        InputError: no experiment runs.
        RouteConflict: the route was changed meanwhile.
        RegistryError: the route or the bucket cannot be read.
    """
    publisher = _publisher(bucket, route, now)
    live = publisher.current()
    if live is None or live.experiment is None or live.challenger is None:
        raise InputError(f"no experiment runs on route {route}")
    experiment, arms = live.experiment.experiment, (live.champion.version, live.challenger.version)
    record, unreadable = None, None
    try:
        record = read_record(bucket, route, experiment)
        unreadable = None if record is not None else f"{record_key(route, experiment)} is missing"
    except RegistryUnavailable:
        raise
    except RegistryError as error:
        unreadable = str(error)
    details = {"experiment": experiment, "champion": arms[0], "challenger": arms[1], "by": by}
    details |= {} if unreadable is None else {"unreadable": unreadable}
    write_audit(bucket, route, AuditEntry(now, "stop", "a person stopped the experiment", details))
    with TemporaryDirectory() as folder:
        publisher.end_experiment(experiment, Path(folder), promote=False)
    if record is not None:
        record = change_record(bucket, record, _ended(record, "stopped", now))
    return Stopped(experiment, *arms, record, unreadable)


def running(bucket: ObjectStore, route: str, live: Route | None) -> Record | None:
    """Return the record of the experiment that runs on a route; None without one.

    Raises:
        RegistryError: the route has an experiment without a record, or with a damaged one.
    """
    if live is None or live.experiment is None:
        return None
    name = live.experiment.experiment
    record = read_record(bucket, route, name)
    if record is None:
        raise RegistryError(
            f"route {route} has experiment {name}, which has no record; end it with `nextitem experiment stop`, and "
            "start experiments with `nextitem canary`"
        )
    return record


def _look(bucket: ObjectStore, lake: LakeFiles, route: str, measurements: Measurements, now: datetime) -> Look | None:
    publisher = _publisher(bucket, route, now)
    live = publisher.current()
    name = None if live is None or live.experiment is None else live.experiment.experiment
    for open_record in read_open_records(bucket, route):
        if open_record.experiment != name:
            finished = _finish(bucket, open_record, publisher, live, now)
            if finished is not None:
                return finished
    record = running(bucket, route, live)
    if record is None or live is None:
        return None
    if not record.shares:  # the start was interrupted between route and record
        record = _follow(bucket, record, live)
    looks = read_looks(bucket, record)
    if looks and not _is_carried_out(record, looks[-1]):
        return _carry_out(bucket, record, looks[-1], publisher)
    look = new_look(lake, record, looks, measurements, now)
    if look is None or not add_look(bucket, record, look):
        return None
    return _carry_out(bucket, record, look, publisher)


def _finish(
    bucket: ObjectStore, record: Record, publisher: Publisher, live: Route | None, now: datetime
) -> Look | None:
    """Close the record of an experiment that is not on the route. Return the look that ended it, if one did."""
    if not record.shares and now - record.started < STARTING:
        return None
    looks = readable_looks(bucket, record)  # a damaged one must not keep looks from the next experiment
    action = looks[-1].decision.action if looks else "continue"
    winner = {"promote": record.challenger, "rollback": record.champion}.get(action)
    if winner is not None and live is not None and live.champion.version == winner:
        return _carry_out(bucket, record, looks[-1], publisher)
    outcome: Outcome = "ended_by_hand" if record.shares or looks else "never_started"
    change_record(bucket, record, _ended(record, outcome, now))
    return None


_OUTCOMES: dict[str, Outcome] = {"promote": "promoted", "rollback": "rolled_back"}
"""How an action ends an experiment."""


def _is_carried_out(record: Record, look: Look) -> bool:
    """Return whether a running experiment is as its last look wants it."""
    if look.decision.action in _OUTCOMES:
        return False
    return look.decision.action == "continue" or record.shares[-1].share == look.decision.share_after


def _carry_out(bucket: ObjectStore, record: Record, look: Look, publisher: Publisher) -> Look:
    """Change the route, then the record, as far as an interrupted look has not done so already."""
    action, experiment = look.decision.action, record.experiment
    live = publisher.current()
    is_running = live is not None and live.experiment is not None and live.experiment.experiment == experiment
    if action in _OUTCOMES:
        if is_running:
            with TemporaryDirectory() as folder:
                publisher.end_experiment(experiment, Path(folder), promote=action == "promote")
        change_record(bucket, record, _ended(record, _OUTCOMES[action], look.at))
    elif action == "raise_share":
        _follow(bucket, record, publisher.set_share(experiment, look.decision.share_after))
    return look


def _follow(bucket: ObjectStore, record: Record, route: Route) -> Record:
    """Add the route's share to the record, and its champion: a person may have promoted one since the record began."""
    share = 0.0 if route.challenger is None else route.challenger.weight
    shares = (*record.shares, ShareChange(datetime.fromisoformat(route.changed), share))
    return change_record(
        bucket, record, msgspec.structs.replace(record, champion=route.champion.version, shares=shares)
    )


def _ended(record: Record, outcome: Outcome, at: datetime) -> Record:
    return msgspec.structs.replace(record, ended=at, outcome=outcome)


def _publisher(bucket: ObjectStore, route: str, now: datetime) -> Publisher:
    """Return a publisher whose clock is at `now`, and goes on.

    A look may read the lake for minutes, and a start download a model, before the route changes. Sessions that were
    under way are left out around the time of the change itself.
    """
    begun = monotonic()
    return Publisher(bucket, route, lambda: now + timedelta(seconds=monotonic() - begun), new_item_rows)
