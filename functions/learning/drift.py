"""Measure the drift of the route's model, keep the report, and emit its metrics; called once an hour."""

import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from learning.settings import Settings
from model_export.drift.emf import metric_records
from model_export.drift.route import Window, measure_route, write_report
from model_export.drift.scores import scorer
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.errors import VersionNotFound

MAX_MODEL_BYTES = 1 << 30
"""Size of a version that is run: the function has 3,008 MB, for the lake's events, too."""

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)


def handler(_event: object, _context: object) -> dict[str, str]:
    """Measure, and return the version and the level of its drift.

    Raises:
        SettingsError: a setting is missing or wrong.
        NextItemError: the version has no profile of its training, or bucket or lake cannot be read.
    """
    settings = Settings.read()
    bucket = BotoObjectStore(settings.bucket, region=settings.region)
    window = Window(deployment_leaves_out_seen=os.environ.get("NEXTITEM_EXCLUDE_SEEN") == "true")
    try:
        with TemporaryDirectory() as home, TemporaryDirectory() as model:
            score, now = scorer(bucket, Path(model)), datetime.now(UTC)
            report = measure_route(bucket, bucket, settings.route, now, Path(home), window, score, MAX_MODEL_BYTES)
    except VersionNotFound as error:  # a new stack: there is nothing to measure before the first promotion
        logger.info("not measured: %s", error)
        return {"level": "none"}
    write_report(bucket, report)
    for line in metric_records(report, settings.stack):
        sys.stdout.write(f"{line}\n")
    return {"version": report.version, "level": report.level}
