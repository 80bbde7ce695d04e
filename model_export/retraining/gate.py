"""The gate: judge a version beside the live one, and write the verdict beside the version.

A version passes if, on sessions that neither was trained on, the 95 % interval of its HR@20 and MRR@20 excludes a loss
of more than `GateRules.max_loss` (`loss_bound`), and if it keeps the other bounds. A challenger that might be worse
than that has not proved enough, even if its figures look the same: more sessions decide it.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np

from model_export.data.sessions import Sessions
from model_export.evaluation.event_types import unlike_types
from model_export.evaluation.served_ranks import targets_of
from model_export.evaluation.unlike_items import MISSES, unlike_items
from model_export.progress import Unwatched, Work
from model_export.retraining.comparison import JUDGED, Comparison, compare, judged_events, later_sessions
from model_export.retraining.latency import compare_latency
from model_export.retraining.rules import GateRules
from nextitem.aws.object_store import ObjectStore
from nextitem.errors import ArtifactCorrupt, InputError
from nextitem.model.certificate import MIN_GOLDENS
from nextitem.model.engine import Model
from nextitem.model.manifest import Manifest
from nextitem.registry.publisher import Publisher
from nextitem.registry.reader import Registry
from nextitem.registry.verdicts import Bound, Figure, JudgedEvents, Rule, Verdict, write_verdict

BEST_SELLERS = "its own best sellers"
SMALL_MEGABYTES = 24.0
"""A smaller live version counts as this size.

The rule of the hidden size (`training.defaults`) can double the width of a shop's networks, up to 20,000 items. An
artifact of 1,500 items and 2.4 MB then has 7.5 MB, one of 17,676 items and 14.2 MB then has 28.7.
"""


def gate(
    bucket: ObjectStore,
    version: str,
    test: Sessions,
    folder: Path,
    *,
    deployment_leaves_out_seen: bool,
    route: str = "live",
    rules: GateRules | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    work: Work | None = None,
) -> Verdict:
    """Judge a published version beside the route's live version, and write its verdict.

    Args:
        bucket: the registry's bucket.
        version: a published version.
        test: sessions; those that neither version was trained on are used.
        folder: the local folder of fetched versions.
        deployment_leaves_out_seen: whether answers leave out the session's items where the route does not say.
        route: the route.
        rules: the bounds.
        now: the clock.
        work: follows the progress.

    Raises:
        VersionNotFound: it is not published.
        InputError: it is live itself.
        ArtifactCorrupt: a file of it is damaged, or the live version is.
        RouteConflict: another process judges the version at the same time.
        RegistryUnavailable: the bucket cannot be used.
    """
    registry, work = Registry(bucket, folder), work or Unwatched()
    current = Publisher(bucket, route).current()
    live = None if current is None else current.champion.version
    if live == version:
        raise InputError(f"{version} is live on route {route}: there is nothing to compare it with")
    work.begin(f"opening {version}")
    artifact = registry.fetch(version)
    reference = None if live is None else Model(registry.fetch(live))
    exclude_seen = (
        deployment_leaves_out_seen if current is None else current.leaves_out_seen(deployment_leaves_out_seen)
    )
    at = now().isoformat(timespec="seconds")
    try:
        candidate = Model(artifact)
    except ArtifactCorrupt as error:
        verdict = _uncertified(version, live, route, at, error)
    else:
        verdict = judge(
            candidate, reference, test, rules or GateRules(), route=route, exclude_seen=exclude_seen, at=at, work=work
        )
    write_verdict(bucket, verdict)
    return verdict


def judge(
    candidate: Model,
    live: Model | None,
    test: Sessions,
    rules: GateRules,
    *,
    route: str,
    exclude_seen: bool,
    at: str,
    work: Work,
) -> Verdict:
    """Judge a version.

    Args:
        candidate: the version, which has passed its golden sessions.
        live: the live version; None before the first promotion: then the version must be better than best sellers.
        test: sessions; those that begin before the end of a training are left out.
        rules: the bounds.
        route: the route.
        exclude_seen: whether the route's answers leave out a session's own items.
        at: the time, ISO 8601.
        work: follows the progress.
    """
    models = [candidate] if live is None else [candidate, live]
    last = max(model.manifest.training.last for model in models)
    judged, left_out = later_sessions(test, last, rules.max_judged_sessions)
    targets = int(targets_of(judged, exclude_seen=exclude_seen).sum())
    comparison, bounds = Comparison({}, {}, {}, {}), [_golden_bound(len(candidate.certificate.sessions))]
    bounds.append(
        _bound("sessions", "sessions after both trainings", len(judged), "at least", rules.min_judged_sessions)
    )
    if targets:
        comparison = compare(candidate, live, judged, exclude_seen=exclude_seen, work=work)
        comparison, more = _with_costs(comparison, candidate, live, judged, rules, work)
        bounds += [*_quality_bounds(comparison, rules, live), *_shown_bounds(comparison, rules, live), *more]
    events = judged_events(judged, targets, left_out)
    reference = None if live is None else live.version
    passed = bool(targets) and all(bound.passed for bound in bounds)
    return Verdict(
        version=candidate.version,
        reference=reference,
        route=route,
        judged_at=at,
        passed=passed,
        reason=_reason(candidate.version, reference, comparison, bounds, events)
        + _unlike(models, judged)
        + _in_words(rules),
        events=events,
        figures=comparison.candidate,
        reference_figures=comparison.reference,
        differences=comparison.differences,
        bounds=tuple(bounds),
        settings=rules.changed,
    )


def _in_words(rules: GateRules) -> str:
    """Return the sentence about settings other than their defaults; empty without any."""
    listed = ", ".join(f"--{name.replace('_', '-')} {value:g}" for name, value in rules.changed.items())
    return f" Settings other than the default: {listed}." if listed else ""


def _unlike(models: list[Model], judged: Sessions) -> str:
    """Return the sentences about other types of events and other items than those of the training, if there are any."""
    types = (sentence for model in models for sentence in unlike_types(judged, model.version, model.manifest))
    items = (sentence for model in models for sentence in unlike_items(judged, model.version, model.vocabulary, MISSES))
    return "".join(f" But {sentence}." for found in (types, items) for sentence in islice(found, 1))


def _uncertified(version: str, live: str | None, route: str, at: str, error: ArtifactCorrupt) -> Verdict:
    reason = f"{version} fails its golden sessions on this machine: {error}"
    bounds = (_golden_bound(0),)
    return Verdict(version, live, route, at, False, reason, None, {}, {}, {}, bounds)


def _quality_bounds(comparison: Comparison, rules: GateRules, live: Model | None) -> Iterator[Bound]:
    for metric in JUDGED:
        before, low = comparison.reference[metric].value, comparison.lowest[metric]
        meaning = f"relative change of {metric.upper()}, lower end of its 95 % interval with one more session, lost"
        # Of two versions without a hit, such as on ids that neither knows, none has proved anything
        change = relative(low, before) if before or low > 0 else -1.0
        # better than best sellers is the least that a first model must be
        yield _bound(metric, meaning, change, "at least", 0.0 if live is None else -rules.max_loss)


def relative(change: float, before: float) -> float:
    """Return a change as a share of what was before; of nothing, a gain is 1 and a loss -1."""
    return change / before if before else float(np.sign(change))


def _shown_bounds(comparison: Comparison, rules: GateRules, live: Model | None) -> Iterator[Bound]:
    items = comparison.candidate["items@20"].value / comparison.reference["items@20"].value
    rise = comparison.candidate["popularity@20"].value - comparison.reference["popularity@20"].value
    against = "best sellers" if live is None else "the live version"
    yield _bound("coverage", f"different items shown, as a share of {against}", items, "at least", rules.min_coverage)
    meaning = f"popularity percentile of shown items, above that of {against}"
    yield _bound("popularity", meaning, rise, "at most", rules.max_popularity_rise)


def _with_costs(
    comparison: Comparison, candidate: Model, live: Model | None, judged: Sessions, rules: GateRules, work: Work
) -> tuple[Comparison, list[Bound]]:
    """Add size and latency, and their bounds if there is a live version to compare with."""
    sizes = {"megabytes": Figure(_size(candidate.manifest) / 1e6)}
    if live is None:
        return replace(comparison, candidate=comparison.candidate | sizes), []
    work.begin("comparing the latency")
    before = {"megabytes": Figure(_size(live.manifest) / 1e6)}
    ratio = size_ratio(_size(candidate.manifest), _size(live.manifest))
    meaning = f"bytes, as a multiple of the live version's (of {SMALL_MEGABYTES:g} MB, if it is smaller)"
    bounds = [_bound("size", meaning, ratio, "at most", rules.max_size_ratio)]
    differences = dict(comparison.differences)
    if (latency := compare_latency(candidate, live, judged)) is not None:
        sizes["milliseconds"], before["milliseconds"] = latency.candidate, latency.live
        differences["latency ratio"] = latency.ratio
        meaning = "median latency on this machine, as a multiple of the live version's"
        bounds.append(_bound("latency", meaning, latency.ratio.value, "at most", rules.max_latency_ratio))
    return replace(
        comparison,
        candidate=comparison.candidate | sizes,
        reference=comparison.reference | before,
        differences=differences,
    ), bounds


def size_ratio(candidate: int, live: int) -> float:
    """Return the size of a version as a multiple of the live version's; both in bytes, see `SMALL_MEGABYTES`."""
    return candidate / max(live, SMALL_MEGABYTES * 1e6)


def _golden_bound(checked: int) -> Bound:
    return _bound("golden sessions", "golden sessions answered as at export", checked, "at least", MIN_GOLDENS)


def _size(manifest: Manifest) -> int:
    return sum(digest.size for digest in manifest.files.values())


def _bound(name: str, meaning: str, value: float, rule: Rule, limit: float) -> Bound:
    passed = value >= limit if rule == "at least" else value <= limit  # NaN fails both
    return Bound(name, meaning, float(value), rule, float(limit), bool(passed))


def _reason(
    version: str, reference: str | None, comparison: Comparison, bounds: list[Bound], events: JudgedEvents
) -> str:
    """Return the verdict in a sentence."""
    missed = [bound for bound in bounds if not bound.passed]
    against = f"the live {reference}" if reference else BEST_SELLERS
    if not comparison.differences:
        return (
            f"{version} cannot be compared with {against}: of the events, {events.sessions} sessions begin after both "
            f"trainings, and they have {events.targets} next items."
        )
    first, second, change = (
        figures["hr@20"] for figures in (comparison.candidate, comparison.reference, comparison.differences)
    )
    low, high = (relative(end or 0.0, second.value) for end in (change.low, change.high))
    measured = (
        f"HR@20 is {first.value:.4f} against {second.value:.4f} of {against} "
        f"({relative(change.value, second.value):+.1%}, 95 % interval {low:+.1%} to {high:+.1%}) on "
        f"{events.sessions} sessions"
    )
    if not missed:
        return f"{version} passes all {len(bounds)} bounds: {measured}."
    listed = "; ".join(
        f"{bound.name} is {bound.value:.3g}, allowed is {bound.rule} {bound.limit:.3g}" for bound in missed
    )
    return f"{version} misses {len(missed)} of {len(bounds)} bounds ({listed}): {measured}."
