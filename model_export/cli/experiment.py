"""Commands ``experiment``: the state of the experiment on a route, a look at it, its end by hand, its log."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from model_export.cli.console import print_json, say, waiting, warn
from model_export.cli.lake_options import LakeCopy, lake_files
from model_export.cli.options import Json
from model_export.cli.registry import user
from model_export.cli.registry_options import BucketOptions, RouteName
from model_export.interruption import describe_if_stopped
from nextitem import DEFAULT_STACK

if TYPE_CHECKING:
    from model_export.experiments.measurements import Measurements
    from model_export.experiments.records import Look, Record

MAYBE_CHANGED = "the route may have changed; the next look goes on with what was decided"


@dataclass(frozen=True)
class LookOptions:
    """Where sessions and measurements come from."""

    lake_folder: LakeCopy = None
    stack: Annotated[
        str, typer.Option(envvar="NEXTITEM_STACK", help="The stack whose metrics in CloudWatch guard rails bound.")
    ] = DEFAULT_STACK
    metric_logs: Annotated[
        Path | None,
        typer.Option(
            help="Folder with the functions' logs, such as devstack's, instead of CloudWatch.", show_default=False
        ),
    ] = None


def status(registry: BucketOptions, route: RouteName = "live", as_json: Json = False) -> None:
    """Show the experiment that runs on a route, or the last one, with its newest look."""
    # Imported lazily: `--help` must not wait for numpy.
    from model_export.experiments.records import read_records, readable_looks
    from nextitem.registry.publisher import Publisher

    bucket = registry.store()
    with waiting("reading the experiment"):
        records = read_records(bucket, route)
        newest = records[-1] if records else None
        looks = [] if newest is None else readable_looks(bucket, newest)
        route_now = Publisher(bucket, route).current()
    last = looks[-1] if looks else None
    running = None if route_now is None or route_now.experiment is None else route_now.experiment.experiment
    if running is not None and running not in {record.experiment for record in records}:
        warn([f"experiment {running} runs, but its record cannot be read: `nextitem experiment stop` ends it"])
    if as_json:
        print_json({"record": newest, "look": last})
    elif newest is None:
        say(f"route {route} has had no experiment; nextitem canary starts one")
    else:
        for line in status_lines(newest, last):
            typer.echo(line)


def look(registry: BucketOptions, where: LookOptions, route: RouteName = "live", as_json: Json = False) -> None:
    """Look at the experiment of a route, and do what its rules decide from the sessions that have ended since.

    Look as often as you like: the intervals hold at every look. Each decision is kept with its evidence.
    """
    from model_export.experiments.lifecycle import look_at_route

    describe_if_stopped(lambda: MAYBE_CHANGED)
    bucket = registry.store()
    lake = lake_files(bucket, where.lake_folder)
    with waiting("reading the sessions since the last look"):
        found = look_at_route(bucket, lake, route, _measurements(where, registry), datetime.now(UTC))
    if as_json:
        print_json(found)
    elif found is None:
        say(f"there is nothing to decide on route {route}; nextitem experiment status says more")
    else:
        for line in look_lines(found):
            typer.echo(line)


def stop(registry: BucketOptions, route: RouteName = "live", as_json: Json = False) -> None:
    """End the experiment of a route: the champion keeps all sessions, also if the experiment's record is damaged."""
    from model_export.experiments.lifecycle import stop_experiment

    describe_if_stopped(lambda: MAYBE_CHANGED)
    with waiting("stopping the experiment"):
        stopped = stop_experiment(registry.store(), route, datetime.now(UTC), by=user())
    if stopped.unreadable is not None:
        warn([f"the experiment has no record that says so: {stopped.unreadable}"])
    if as_json:
        print_json(stopped)
    else:
        say(f"route {route}: experiment {stopped.experiment} is stopped, {stopped.champion} has all sessions")


def log(registry: BucketOptions, route: RouteName = "live", as_json: Json = False) -> None:
    """List what was decided and done on a route, by looks and by people, oldest first."""
    from model_export.experiments.audit import read_audit
    from model_export.experiments.records import read_records, readable_looks

    bucket = registry.store()
    with waiting("reading the log"):
        entries: list[Any] = [*read_audit(bucket, route)]
        for record in read_records(bucket, route):
            entries += readable_looks(bucket, record)
    entries.sort(key=lambda entry: entry.at)
    if as_json:
        print_json(entries)
        return
    for entry in entries:
        typer.echo(_line(entry))


def status_lines(record: "Record", last: "Look | None") -> Iterator[str]:
    """Yield the state of an experiment in words."""
    from model_export.experiments.words import OUTCOMES

    share = f"{100 * record.shares[-1].share:g} %" if record.shares else "no sessions yet"
    yield f"experiment {record.experiment} ({record.kind}) on route {record.route}, since {_when(record.started)}"
    yield f"  challenger {record.challenger}: {share}; champion {record.champion}"
    if record.ended is not None and record.outcome is not None:
        yield f"  ended {_when(record.ended)}: {OUTCOMES[record.outcome]}"
    if last is None:
        yield "  no look yet: nextitem experiment look"
    else:
        yield from (f"  {line}" for line in look_lines(last))


def look_lines(found: "Look") -> Iterator[str]:
    """Yield a look in words."""
    from model_export.experiments.words import ACTIONS, change_in_words

    decision = found.decision
    share = f"{100 * decision.share_before:g} %"
    if decision.share_after != decision.share_before:
        share += f" -> {100 * decision.share_after:g} %"
    yield f"look {decision.look}, {_when(found.at)}: {ACTIONS[decision.action]}, {share}"
    yield f"  {change_in_words(decision)}: {decision.reason}"
    for name, arm in (("champion", decision.champion), ("challenger", decision.challenger)):
        mean = "" if arm.mean is None else f", mean {arm.mean:.4f}"
        yield f"  {name} {arm.version}: {arm.sessions} sessions{mean}"
    assigned = decision.assignment
    total = assigned.champion + assigned.challenger
    yield (
        f"  shares: {assigned.challenger} of {total} sessions are the challenger's, "
        f"{assigned.challenger_expected:.0f} expected{', a mismatch' if assigned.mismatch else ''}"
    )
    for guard in decision.guards:
        value = "not measured" if guard.value is None else f"{guard.value:g}"
        yield f"  {guard.name}: {value}, at most {guard.most:g}"
    if found.unmeasured:
        yield f"  no guard rail was measured: {found.unmeasured}"
    left_out = found.left_out
    yield (
        f"  left out since the last look: {left_out.under_way} sessions under way at a change of share, "
        f"{left_out.in_both_arms} in both arms, {left_out.too_long} too long, {left_out.no_outcome} without an outcome"
    )


def _line(entry: Any) -> str:
    from model_export.experiments.records import Look
    from model_export.experiments.words import ACTIONS, change_in_words

    if not isinstance(entry, Look):
        return f"{_when(entry.at)}  {entry.what}: {entry.reason}"
    decision = entry.decision
    share = f"{100 * decision.share_before:g} -> {100 * decision.share_after:g} %"
    what = f"{decision.experiment}, look {decision.look}: {ACTIONS[decision.action]}, {share}"
    return f"{_when(entry.at)}  {what}; {change_in_words(decision)}; {decision.reason}"


def _measurements(where: LookOptions, registry: BucketOptions) -> "Measurements":
    from model_export.experiments.cloudwatch import CloudWatchMeasurements
    from model_export.experiments.measurements import LoggedMeasurements

    if where.metric_logs is not None:
        return LoggedMeasurements(where.metric_logs)
    return CloudWatchMeasurements(where.stack, region=registry.region)


def _when(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
