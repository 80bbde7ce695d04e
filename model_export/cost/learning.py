"""Estimate the monthly cost of the learning loop: the lake, its functions, the state machine and training jobs."""

from dataclasses import dataclass

from model_export.cost import prices
from model_export.cost.monitoring import learning_monitoring_cost

DAYS = 30
STREAMS = 256
COLLECTIONS_PER_DAY = 96
"""The template's rate of 15 minutes."""
SECONDS_PER_FILE = 0.3
"""A file of the collector: reading the stream, writing Parquet (0.14 to 0.25 s on a busy core), and a PUT."""
SECONDS_PER_EMPTY_STREAM = 0.005
"""Two round trips to the store."""
EVENTS_PER_FILE = 5_000
BYTES_PER_EVENT = 40
"""In the lake, in files of 500 events and more, as merged ones are; in files of 50 it is 100."""
KILOBYTES_PER_ENTRY = 0.3
RETENTION_MONTHS = 400 / 30
COLLECT_MB, LARGE_MB = 1769, 3008
LOOKS_PER_DAY = 24
HOURS = 24 * DAYS
UNMERGED_HOURS_READ = 6 + 15.4
"""Hours of the lake, in the collector's files, that are read each hour: by a look at an experiment, whose sessions may
have begun some hours before (`SessionWindow.read_from`), and by drift, which reads 25 hours. The compaction at 02:30
merges the hours until 23:00, so that 15.4 of these 25 are not merged yet, as a mean over the day."""
MERGED_HOURS_READ = 9.6 + 25
"""Likewise, in one merged file each: by drift, which also reads the same hours of last week."""
LOOK_SECONDS = 60.0
"""Assumed for a look at an experiment, and for a measurement of drift, with their reading of the lake."""
TRANSITIONS = 12
"""State transitions of a retraining, some retries included."""
RETRAININGS = 52 / 12
"""The template's schedule: once a week."""


@dataclass(frozen=True, slots=True)
class Loop:
    """What the loop's cost depends on.

    Attributes:
        events: stored events a month.
        training_hours: of one training job.
        memory_mb: of the functions that open a model.
        versions: pairs of model version and variant that answer within the month.
    """

    events: float
    training_hours: float
    memory_mb: int
    versions: int


def learning_cost(loop: Loop) -> dict[str, float]:
    """Return the lines of the loop's bill, in US dollars a month.

    Training is priced on demand: the template asks for spot capacity, which costs less by what the market gives.
    """
    collections = COLLECTIONS_PER_DAY * DAYS
    files = max(min(loop.events, collections * STREAMS), loop.events / EVENTS_PER_FILE)
    merged = min(files, HOURS)
    gets = (UNMERGED_HOURS_READ + 1) * files + MERGED_HOURS_READ * merged  # the compaction reads each file once
    gigabytes = loop.events * BYTES_PER_EVENT / 2**30 * RETENTION_MONTHS
    looks = LOOKS_PER_DAY * DAYS * LOOK_SECONDS
    gigabyte_seconds = (
        (files * SECONDS_PER_FILE + collections * STREAMS * SECONDS_PER_EMPTY_STREAM) * COLLECT_MB / 1024
        + (looks + DAYS * LOOK_SECONDS) * LARGE_MB / 1024  # drift and compaction
        + (looks + RETRAININGS * 2 * LOOK_SECONDS) * loop.memory_mb / 1024  # decider and canary
    )
    monitoring = learning_monitoring_cost(loop.versions)
    return {
        "Lake: store": loop.events * 2 * KILOBYTES_PER_ENTRY / 1e6 * prices.VALKEY_SERVERLESS_MILLION_ECPU,
        "Lake: objects": (files + merged) * prices.S3_PUT + gets * prices.S3_GET,
        "Lake: storage": gigabytes * prices.S3_GB_MONTH,
        "Learning: functions": gigabyte_seconds * prices.LAMBDA_GB_SECOND,
        "Learning: metrics": monitoring.metrics,
        "Learning: alarms": monitoring.alarms,
        "Learning: state machine": RETRAININGS * TRANSITIONS * prices.STATE_TRANSITION,
        "Learning: training, on demand": RETRAININGS * loop.training_hours * prices.TRAINING_M5_2XLARGE_HOUR,
    }
