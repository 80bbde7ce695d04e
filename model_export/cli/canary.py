"""Command `canary`: try a version on a part of the sessions."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from model_export.cli.console import print_json, say, waiting
from model_export.cli.lake_options import IDLE_SECONDS, IdleSeconds
from model_export.cli.options import Json
from model_export.cli.registry import Force, forced, user
from model_export.cli.registry_options import BucketOptions, RouteName
from model_export.interruption import describe_if_stopped
from nextitem.errors import InputError

MAYBE_STARTED = "the experiment may have started; nextitem experiment status shows it"
METRICS = ("hit_rate", "reciprocal_rank", "clicked", "converted")
STEPS = "5,20,50"


@dataclass(frozen=True)
class RuleOptions:
    """What the experiment may do."""

    metric: Annotated[
        str | None,
        typer.Option(
            help=f"Outcome of a session that decides: {', '.join(METRICS)}; by default {METRICS[0]}. Interleaving "
            "has its own, the preference.",
            show_default=False,
        ),
    ] = None
    margin: Annotated[
        float,
        typer.Option(
            min=0, max=99, help="Relative loss in percent that a promotion accepts. At 0, only a better one is."
        ),
    ] = 0.0
    steps: Annotated[
        str, typer.Option(help="Shares in percent that the challenger gets, one after the other, up to 50.")
    ] = STEPS
    guard: Annotated[
        list[str] | None,
        typer.Option(
            help="Bound that rolls back at the next look, such as p99_ms=150, error_rate=0.01 or slow_share=0.05; may "
            "be repeated.",
            show_default=False,
        ),
    ] = None
    minimum_sessions: Annotated[
        int, typer.Option(min=2, help="Sessions of each arm before their outcomes decide, and at each step.")
    ] = 500
    planned_sessions: Annotated[
        int, typer.Option(min=1, help="Sessions of both arms at which the intervals are the narrowest.")
    ] = 20_000
    longest_days: Annotated[
        int, typer.Option(min=0, max=36_600, help="Roll back what is not decided after so many days; 0: go on.")
    ] = 0


@dataclass(frozen=True)
class TimingOptions:
    """When sessions count."""

    idle_seconds: IdleSeconds = IDLE_SECONDS
    delay_seconds: Annotated[
        float,
        typer.Option(
            min=0,
            help="How long events may take into the lake: the collector's pause and duration. If they take longer, "
            "looks say so.",
        ),
    ] = 1_500
    settle_seconds: Annotated[
        float, typer.Option(min=0, help="How long functions may take to follow the route, and some more.")
    ] = 60
    conversion: Annotated[
        list[str] | None,
        typer.Option(
            help="Type of events that are conversions, by default purchase; may be repeated.", show_default=False
        ),
    ] = None


def canary(
    version: Annotated[str, typer.Argument(help="A published version, the challenger.", show_default=False)],
    registry: BucketOptions,
    rules: RuleOptions,
    timing: TimingOptions,
    share: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            max=50,
            help="First share of the sessions in percent, by default the first of --steps; lower steps are left out.",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[
        str, typer.Option(help="canary: the challenger answers its sessions. interleaving: both versions do.")
    ] = "canary",
    route: RouteName = "live",
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Try a version on a part of the sessions, after it has passed its certificate on this machine.

    It needs a passing verdict of `nextitem gate`, and the event lake. Looks decide (`nextitem experiment look`): they
    raise the share in steps, promote the version, or roll it back.
    """
    # Imported lazily: `--help` must not wait for DuckDB
    from model_export.experiments.decide import Rules
    from model_export.experiments.lifecycle import start_experiment
    from model_export.experiments.records import Timing

    describe_if_stopped(lambda: MAYBE_STARTED)
    if kind not in {"canary", "interleaving"}:
        raise InputError(f"--kind {kind}: canary or interleaving")
    shares = steps_of(rules.steps, share)
    chosen: Any = {
        "metric": _metric(kind, rules.metric),
        "margin": rules.margin / 100,
        "steps": shares,
        "guards": tuple(map(_guard, rules.guard or ())),
        "minimum_sessions": rules.minimum_sessions,
        "planned_sessions": rules.planned_sessions,
        "longest_days": rules.longest_days,
    }
    with waiting(f"checking {version}"):
        store = registry.store()
        record = start_experiment(
            store,
            route,
            version,
            kind,  # type: ignore[arg-type]  # checked above
            Rules(**chosen),
            datetime.now(UTC),
            by=user(),
            timing=Timing(timing.idle_seconds, timing.delay_seconds, timing.settle_seconds),
            conversions=tuple(timing.conversion or ("purchase",)),
            override=forced(store, route, version, "forced-canary") if force else None,
        )
    if as_json:
        print_json(record)
        return
    share_now = f"{100 * record.shares[-1].share:g} %"
    say(f"route {route}: {record.challenger} has {share_now} of the sessions, {record.champion} the others")
    say("decide by: nextitem experiment look")
    typer.echo(record.experiment)


def steps_of(text: str, share: float | None) -> tuple[float, ...]:
    """Return the shares, 0 to 1, of a comma-separated text in percent that begin with a first one.

    Raises:
        InputError: a part is not a number.
    """
    from model_export.experiments.decide import steps_from

    try:
        steps = tuple(float(part) / 100 for part in text.split(","))
    except ValueError:
        raise InputError(f"--steps {text}: shares in percent, comma-separated, such as {STEPS}") from None
    if share is None:
        return steps
    return steps_from(share / 100, steps)


def _metric(kind: str, metric: str | None) -> str:
    if kind == "interleaving":
        if metric is not None:
            raise InputError("--metric: interleaved sessions are judged by their preference; leave the option out")
        return "preference"
    if metric not in {None, *METRICS}:
        raise InputError(f"--metric {metric}: one of {', '.join(METRICS)}")
    return metric or METRICS[0]


def _guard(text: str) -> Any:
    from model_export.experiments.decide import Bound
    from model_export.experiments.measurements import GUARDS

    name, _, most = text.partition("=")
    if name in GUARDS and re.fullmatch(r"[0-9]+(\.[0-9]+)?", most):
        return Bound(name, float(most))
    named = ", ".join(f"{name} ({meaning})" for name, meaning in GUARDS.items())
    raise InputError(f"--guard {text}: NAME=BOUND, such as p99_ms=150; the names are {named}")
