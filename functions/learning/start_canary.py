"""Start the canary of a version that a training job has published; two steps of the state machine call this."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime

from learning.settings import Settings
from model_export.experiments.decide import Bound, Rules
from model_export.experiments.lifecycle import start_experiment
from model_export.experiments.measurements import ERROR_RATE, P99, SLOW_SHARE
from model_export.retraining.result import read_result
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.errors import InputError
from nextitem.registry.publisher import Publisher
from nextitem.telemetry.metrics import SLOW_MS

GUARDS = (Bound(P99, SLOW_MS), Bound(ERROR_RATE, 0.02), Bound(SLOW_SHARE, 0.05))
"""Bounds that take the challenger back at the next look: those at which alarms take a release back."""
RULES = Rules(margin=0.02, guards=GUARDS, longest_days=28)
"""A challenger that loses less than 2 % of the hit rate is promoted: it has learned newer days. One that too few
sessions can judge makes way after four weeks: as long as it is tried, no other version is trained."""
logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)


def handler(event: Mapping[str, str], _context: object) -> dict[str, str]:
    """Run a step.

    Args:
        event: ``{"action": "check"}``, or ``{"action": "start", "job": the name of a training job}``.

    Returns:
        The `outcome`. Of a check: `free`, or `experiment-running`, which a new version would have to wait for. Of a
        start: `started`, also if a try before has done so; `live` if the same events gave the same version;
        `not-passed` if the version did not pass its gate; or `no-champion` if the route has none yet: a person promotes
        the first one.

    Raises:
        InputError: the event has another form, or the job has no result.
        NextItemError: the version fails its certificate, or another process has changed the route.
    """
    settings = Settings.read()
    bucket = BotoObjectStore(settings.bucket, region=settings.region)
    route = Publisher(bucket, settings.route).current()
    match event:
        case {"action": "check"}:
            return {"outcome": "free" if route is None or route.experiment is None else "experiment-running"}
        case {"action": "start", "job": str(job)}:
            result = read_result(bucket, job)
            logger.info("%s has published %s: %s", job, result.version, result.reason)
            if not result.passed:
                return {"outcome": "not-passed", "version": result.version}
            if route is None:
                return {"outcome": "no-champion", "version": result.version}
            if result.version == route.champion.version:
                return {"outcome": "live", "version": result.version}
            if result.version not in {variant.version for variant in route.variants}:
                now = datetime.now(UTC)
                start_experiment(bucket, settings.route, result.version, "canary", RULES, now, by=f"job {job}")
            return {"outcome": "started", "version": result.version}
        case _:
            raise InputError('the event must have the action "check", or "start" and a job')
