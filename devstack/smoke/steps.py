"""The steps of a run. Each changes or checks one thing of the stack, and says in a line what it found."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from devstack.smoke.cloud import Cloud, DeploymentRefused, Release, SmokeFailed
from devstack.smoke.traffic import Traffic, send_sessions
from model_export.simulator import Session, Shop

SESSIONS = 100
SEED = 4711
VERIFY_SECONDS = 180.0
"""IAM takes a while until new roles work, and the function reads its route every 30 s."""
POLL_SECONDS = 5.0
"""Between two questions about what AWS does by itself."""
EFFECT_SECONDS = 30.0
"""Waited beyond the moment when a rotation takes effect."""
FAULT = 'raise RuntimeError("planted by make smoke: this release must not take traffic")\n'


@dataclass
class Run:
    """What the steps share.

    Attributes:
        cloud: the stack.
        artifact: folder of the model to publish.
        answered: number of API requests so far.
        kept: length of each session that was sent before the rotation.
        effect: when the rotation takes effect, in epoch seconds.
        now: the clock, in epoch seconds.
        count: number of sessions before the rotation.
    """

    cloud: Cloud
    artifact: Path
    now: Callable[[], float] = time.time
    sessions: Iterator[Session] = field(default_factory=lambda: endless_sessions(SEED))
    answered: int = 0
    kept: dict[str, int] = field(default_factory=dict)
    effect: float = 0.0
    count: int = SESSIONS


@dataclass(frozen=True)
class Step:
    """A step and its name in the transcript."""

    name: str
    run: Callable[[Run], str]


def endless_sessions(seed: int) -> Iterator[Session]:
    """Yield sessions of the shop that the demo model was trained on, without end, each with an id of its own."""
    shop = Shop()
    return itertools.chain.from_iterable(shop.sessions(SESSIONS, seed=number) for number in itertools.count(seed))


def deploy_first(run: Run) -> str:
    """Deploy the stack."""
    return f"version {run.cloud.deploy(Release('first')).version} is live"


def publish(run: Run) -> str:
    """Publish the demo model and give it all traffic."""
    version = run.cloud.publish(run.artifact)
    return f"{version} takes traffic, revision {run.cloud.promote(version)} of the route"


def verify(run: Run) -> str:
    """Let the live function check every model of its route, and its store."""
    report: Mapping[str, Any] = {}
    deadline = run.now() + VERIFY_SECONDS
    while True:
        try:
            report = run.cloud.invoke({"operation": "verify"})
            if (report.get("status"), report.get("store")) == ("ok", "ok") and report.get("models"):
                return f"models and store are ok: {dict(report)}"
            fault = f"the report is not ok: {dict(report)}"
        except SmokeFailed as error:
            fault = str(error)
        if run.now() >= deadline:
            raise SmokeFailed(f"not verified within {VERIFY_SECONDS:.0f} s: {fault}")
        run.cloud.sleep(POLL_SECONDS)


def send(run: Run) -> str:
    """Send sessions through the API."""
    answers = send_sessions(run.cloud, itertools.islice(run.sessions, run.count))
    run.answered += len(answers.responses)
    run.kept = answers.lengths
    return answers.check()


def rotate(run: Run) -> str:
    """Rotate the key secret."""
    run.effect = run.cloud.rotate()
    return f"the new secret takes effect in {max(run.effect - run.now(), 0):.0f} s"


def release(run: Run) -> str:
    """Deploy a second release under traffic; its canary must be seen."""
    before = run.cloud.live_version()
    with Traffic(run.cloud, run.sessions) as traffic:
        deployment = run.cloud.deploy(Release("second"))
    run.answered += len(traffic.answers.responses)
    if deployment.version in (before, "") or run.cloud.live_version() != deployment.version:
        raise SmokeFailed(f"version {run.cloud.live_version()} is live; it was {before}")
    if not any(0 < share < 1 for share in deployment.shares):
        raise SmokeFailed(f"the traffic moved at once: shares {deployment.shares}")
    shares = ", ".join(f"{share:.0%}" for share in deployment.shares)
    return f"version {before} -> {deployment.version} with {shares}; meanwhile {traffic.answers.check()}"


def refuse(run: Run) -> str:
    """Deploy a broken release under traffic; it must be rolled back and harm no request."""
    before = run.cloud.live_version()
    with Traffic(run.cloud, run.sessions) as traffic:
        try:
            run.cloud.deploy(Release("broken", FAULT))
        except DeploymentRefused as error:
            reason = str(error)
        else:
            raise SmokeFailed("the broken release was accepted")
    run.answered += len(traffic.answers.responses)
    if run.cloud.live_version() != before:
        raise SmokeFailed(f"after the rollback version {run.cloud.live_version()} is live instead of {before}")
    return f"rolled back ({reason}); meanwhile {traffic.answers.check()}"


def find_kept(run: Run) -> str:
    """Continue the sessions from before the rotation, when it has taken effect: each must still have its events."""
    run.cloud.sleep(max(run.effect + EFFECT_SECONDS - run.now(), 0))
    lost = []
    for session_id, length in run.kept.items():
        response = run.cloud.send("GET", f"/v1/sessions/{session_id}/recommendations")
        run.answered += 1
        if response.status != HTTPStatus.OK or response.body.get("session_length") != length:
            lost.append(f"{session_id}: {length} events, now {response.status} {dict(response.body)}"[:200])
    if lost:
        raise SmokeFailed(f"{len(lost)} of {len(run.kept)} sessions were lost, the first: {lost[0]}")
    return f"{len(run.kept)} sessions have all their events"


STEPS = (
    Step("deploy the stack", deploy_first),
    Step("publish and promote the demo model", publish),
    Step("verify", verify),
    Step("sessions through the API", send),
    Step("rotate the key secret", rotate),
    Step("second release", release),
    Step("broken release", refuse),
    Step("sessions from before the rotation", find_kept),
)
