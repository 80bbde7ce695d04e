"""The gate: the same targets for both versions, every bound, and a verdict that says why."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from devstack.publish import demo_artifact, earlier_artifact
from model_export.data.sessions import Sessions
from model_export.evaluation.served_ranks import served_ranks, targets_of
from model_export.progress import Unwatched
from model_export.retraining.gate import gate, judge, size_ratio
from model_export.retraining.latency import compare_latency
from model_export.retraining.rules import GateRules
from nextitem.errors import InputError
from nextitem.model.artifact import open_artifact
from nextitem.model.certificate import Certificate
from nextitem.model.engine import Model
from nextitem.model.manifest import CERTIFICATE, encode_document
from nextitem.registry.publisher import Publisher
from nextitem.registry.verdicts import (
    Verdict,
    read_verdict,
)
from tests.model_export.made_traffic import sessions_of
from tests.nextitem.memory_bucket import MemoryBucket
from tests.nextitem.parts import remade

pytestmark = pytest.mark.slow

AT = "2026-11-29T12:00:00+00:00"


@pytest.fixture(scope="module")
def demo() -> Model:
    return Model(open_artifact(demo_artifact()))


@pytest.fixture(scope="module")
def earlier() -> Model:
    return Model(open_artifact(earlier_artifact()))


@pytest.fixture(scope="module")
def after(demo: Model) -> Sessions:
    """Sessions after both trainings."""
    return sessions_of(demo.manifest.training.last + 3600, 80)


def judged(candidate: Model, live: Model | None, test: Sessions, rules: GateRules | None = None) -> Verdict:
    chosen = rules or GateRules(max_latency_ratio=10, min_judged_sessions=20)
    return judge(candidate, live, test, chosen, route="live", exclude_seen=False, at=AT, work=Unwatched())


@pytest.fixture(scope="module")
def better(demo: Model, earlier: Model, after: Sessions) -> Verdict:
    return judged(demo, earlier, after, GateRules(max_latency_ratio=10, max_size_ratio=10, min_judged_sessions=20))


def missed(verdict: Verdict) -> set[str]:
    return {bound.name for bound in verdict.bounds if not bound.passed}


def test_a_better_version_passes(better: Verdict, after: Sessions, demo: Model, earlier: Model) -> None:
    assert (better.passed, better.version, better.reference) == (True, demo.version, earlier.version)
    assert f"But {demo.version} was trained with types of events" in better.reason  # these are views
    # Each seventh event is of an unknown item
    assert f"have an item that {demo.version} does not have; they are misses. Ids of the unknown items" in better.reason
    assert "are such as 'unheard-of'; of the model such as 'board-001', " in better.reason
    # Both were judged on all targets, those of unknown items included
    assert better.events is not None
    assert (better.events.sessions, better.events.targets) == (len(after), after.is_target.sum())
    for version, figures in ((demo, better.figures), (earlier, better.reference_figures)):
        ranks = served_ranks(version, after, exclude_seen=False).ranks
        assert figures["hr@20"].value == pytest.approx((ranks <= 20).mean())
    difference = better.differences["hr@20"]
    assert difference.value == pytest.approx(better.figures["hr@20"].value - better.reference_figures["hr@20"].value)
    assert difference.low is not None
    assert difference.low > 0
    # AND the bound is below the interval's lower end, relative to the reference: it has one more session, lost
    [bound] = [each for each in better.bounds if each.name == "hr@20"]
    low = difference.low / better.reference_figures["hr@20"].value
    assert low - 0.2 < bound.value < low
    # AND the interval of the pairs is narrower than those of both versions apart
    widths = [
        figure.high - figure.low
        for figure in (difference, better.figures["hr@20"], better.reference_figures["hr@20"])
        if figure.low is not None and figure.high is not None
    ]
    assert widths[0] < widths[1] + widths[2]
    assert better.reason.startswith(f"{demo.version} passes all 8 bounds: HR@20 is ")


def test_events_of_ids_that_neither_version_knows_prove_nothing(demo: Model, earlier: Model, after: Sessions) -> None:
    foreign = replace(after, catalogue=tuple(f"other-{item}" for item in after.catalogue))
    verdict = judged(demo, earlier, foreign)
    assert verdict.differences["hr@20"].value == 0
    assert {"hr@20", "mrr@20"} <= missed(verdict)


def test_a_worse_version_misses_the_quality_bounds(
    demo: Model, earlier: Model, after: Sessions, better: Verdict
) -> None:
    verdict = judged(earlier, demo, after)
    assert not verdict.passed
    assert {"hr@20", "mrr@20"} <= missed(verdict)
    assert "hr@20 is -" in verdict.reason
    # The comparison is the other one's, turned round
    assert verdict.differences["hr@20"].value == pytest.approx(-better.differences["hr@20"].value)
    assert verdict.reference_figures["hr@20"] == better.figures["hr@20"]


def test_an_equal_version_passes_on_enough_sessions(demo: Model, after: Sessions) -> None:
    assert judged(demo, demo, sessions_of(demo.manifest.training.last + 3600, 250)).passed
    few = judged(demo, None, after.subset(np.arange(30)), GateRules(min_judged_sessions=31))
    assert missed(few) == {"sessions"}


@pytest.mark.parametrize(
    ("name", "limit", "bound"),
    [("max_size_ratio", 1e-3, "size"), ("max_latency_ratio", 1e-3, "latency"), ("min_judged_sessions", 31, "sessions")],
)
def test_each_bound_refuses_alone(name: str, limit: float, bound: str, demo: Model, after: Sessions) -> None:
    rules = replace(GateRules(max_loss=0.5, max_latency_ratio=10, min_judged_sessions=1), **{name: limit})  # type: ignore[arg-type]
    assert missed(judged(demo, demo, after.subset(np.arange(30)), rules)) == {bound}


@pytest.mark.parametrize(
    ("candidate", "live", "ratio"),
    [(7_200_000, 2_400_000, 0.3), (42_000_000, 21_000_000, 1.75), (90_000_000, 30_000_000, 3.0)],
)
def test_only_a_large_version_is_too_large(candidate: int, live: int, ratio: float) -> None:
    assert size_ratio(candidate, live) == pytest.approx(ratio)


def test_settings_other_than_the_default_are_in_the_verdict(demo: Model, after: Sessions) -> None:
    verdict = judged(demo, None, after.subset(np.arange(10)), GateRules(max_loss=0.5, min_judged_sessions=1))
    assert verdict.settings == {"max_loss": 0.5, "min_judged_sessions": 1}
    assert verdict.reason.endswith(" Settings other than the default: --max-loss 0.5, --min-judged-sessions 1.")
    plain = judged(demo, None, after.subset(np.arange(10)), GateRules())
    assert plain.settings == {}
    assert "Settings" not in plain.reason


def test_only_sessions_after_both_trainings_count(demo: Model, earlier: Model) -> None:
    # GIVEN sessions around the end of the training
    test = sessions_of(demo.manifest.training.last - 43_200, 40)
    verdict = judged(demo, earlier, test)
    later = test.starts > max(demo.manifest.training.last, earlier.manifest.training.last)
    assert 0 < later.sum() < len(test)
    assert verdict.events is not None
    assert (verdict.events.sessions, verdict.events.left_out) == (later.sum(), len(test) - later.sum())
    # AND without any, there is a verdict that does not pass
    none = judged(demo, earlier, test.subset(np.flatnonzero(~later)))
    assert (none.passed, none.figures) == (False, {})
    assert "cannot be compared" in none.reason


def test_of_many_sessions_a_sample_is_judged(demo: Model, after: Sessions) -> None:
    verdict = judged(demo, None, after, GateRules(min_judged_sessions=10, max_judged_sessions=30))
    assert verdict.events is not None
    assert (verdict.events.sessions, verdict.events.left_out) == (30, len(after) - 30)


def test_latency_is_a_ratio_of_turns(demo: Model, earlier: Model, after: Sessions) -> None:
    # GIVEN a clock by which each call of the first version takes three times as long
    class Clock:
        now, calls = 0.0, 0

        def __call__(self) -> float:
            return self.now

    clock = Clock()

    def slow(model: Model, seconds: float) -> Model:
        class Slow:
            vocabulary = model.vocabulary

            def replay(self, *arguments: object) -> object:
                clock.now += seconds
                return model.replay(*arguments)  # type: ignore[arg-type]

            def top(self, *arguments: object) -> object:
                return model.top(*arguments)  # type: ignore[arg-type]

        return Slow()  # type: ignore[return-value]  # the engine's two methods

    latency = compare_latency(slow(demo, 0.003), slow(earlier, 0.001), after, clock)
    assert latency is not None
    assert latency.ratio.value == pytest.approx(3)
    assert latency.candidate.value == pytest.approx(3)
    unknown = replace(after, catalogue=tuple(f"x-{item}" for item in after.catalogue))
    assert compare_latency(demo, earlier, unknown) is None


@pytest.fixture
def bucket() -> MemoryBucket:
    return MemoryBucket()


def test_a_published_version_is_judged_beside_the_live_one(
    bucket: MemoryBucket, after: Sessions, better: Verdict, tmp_path: Path
) -> None:
    publisher = Publisher(bucket)
    live, new = publisher.publish(earlier_artifact()), publisher.publish(demo_artifact())
    publisher.promote(live, tmp_path, exclude_seen=True)
    rules = GateRules(max_latency_ratio=10, max_size_ratio=10, min_judged_sessions=20)
    verdict = gate(bucket, new, after, tmp_path, deployment_leaves_out_seen=False, rules=rules)
    assert read_verdict(bucket, new) == verdict
    # The route leaves out seen items, so other targets count
    assert verdict.events is not None
    assert better.events is not None
    assert verdict.events.targets == targets_of(after, exclude_seen=True).sum() < better.events.targets
    with pytest.raises(InputError, match="is live on route live"):
        gate(bucket, live, after, tmp_path, deployment_leaves_out_seen=False)


@pytest.mark.parametrize(
    ("has_live", "route", "deployment", "left_out"),
    [(True, None, True, True), (True, None, False, False), (True, False, True, False), (False, None, True, True)],
)
def test_the_judged_lists_are_those_that_the_route_would_serve(
    has_live: bool,
    route: bool | None,
    deployment: bool,
    left_out: bool,
    bucket: MemoryBucket,
    after: Sessions,
    tmp_path: Path,
) -> None:
    publisher, few = Publisher(bucket), after.subset(np.arange(30))
    live, new = publisher.publish(earlier_artifact()), publisher.publish(demo_artifact())
    if has_live:
        publisher.promote(live, tmp_path, exclude_seen=route)
    verdict = gate(bucket, new, few, tmp_path, deployment_leaves_out_seen=deployment)
    assert verdict.events is not None
    assert verdict.events.targets == targets_of(few, exclude_seen=left_out).sum()
    assert targets_of(few, exclude_seen=True).sum() < targets_of(few, exclude_seen=False).sum()


def test_a_version_that_answers_its_golden_sessions_otherwise_does_not_pass(
    bucket: MemoryBucket, after: Sessions, tmp_path: Path
) -> None:
    certificate = msgspec.json.decode((demo_artifact() / CERTIFICATE).read_bytes(), type=Certificate)
    first, *others = certificate.sessions
    changed = msgspec.structs.replace(first, scores=tuple(score + 9 for score in first.scores))
    tampered = encode_document(msgspec.structs.replace(certificate, sessions=(changed, *others)))
    new = Publisher(bucket).publish(remade(demo_artifact(), tmp_path / "made", {CERTIFICATE: tampered}))
    verdict = gate(bucket, new, after, tmp_path, deployment_leaves_out_seen=False)
    assert (verdict.passed, missed(verdict), verdict.events) == (False, {"golden sessions"}, None)
    assert "fails its golden sessions on this machine" in verdict.reason
    assert read_verdict(bucket, new) == verdict
