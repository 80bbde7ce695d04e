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
"""Three round trips to the store: its time, the entries, and those lost."""
EVENTS_PER_FILE = 5_000
"""Of the collector, at most: it writes a file for each stream in each run, and more of them under load."""
MERGED_PER_DAY = 24
"""Files of a day after its compaction, at least: one of each hour (`model_export.lake.merge`)."""
MERGED_BYTES = 64 << 20
"""A merged file takes no more sources from this size on."""
BYTES_PER_EVENT, BYTES_PER_LONE_EVENT = 40, 100
"""In files of 500 and more events, and in smaller ones."""
FULL_FILE_EVENTS = 500
KILOBYTES_PER_ENTRY = 0.3
RETENTION_DAYS = 400
"""The template's default."""
SECONDS_PER_SOURCE = 0.005
"""A file of the collector in a merge: 1 ms of DuckDB, its share of 16 downloads and deletions at a time."""
SECONDS_PER_KEPT_FILE = 0.05
"""A file that is read for events of deleted sessions, one after the other."""
KEYS_PER_LIST = 1_000
COLLECT_MB, LARGE_MB = 1769, 3008
LOOKS_PER_DAY = 24
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


@dataclass(frozen=True, slots=True)
class LakeCount:
    """The lake's files.

    Attributes:
        sources: that the collector writes in a month.
        merged: that the compaction makes of them in a month.
        kept: in the lake after `RETENTION_DAYS`.
        bytes: of these.
    """

    sources: float
    merged: float
    kept: float
    bytes: float


def lake_files(events: float) -> LakeCount:
    """Return the files of a lake that takes so many events a month, all of whose hours are compacted once a day."""
    collections = COLLECTIONS_PER_DAY * DAYS
    sources = max(min(events, collections * STREAMS), events / EVENTS_PER_FILE)
    hours = MERGED_PER_DAY * DAYS
    size = BYTES_PER_EVENT if events / hours >= FULL_FILE_EVENTS else BYTES_PER_LONE_EVENT
    merged = min(sources, max(hours, events * size / MERGED_BYTES))
    months = RETENTION_DAYS / DAYS
    return LakeCount(sources, merged, merged * months, events * size * months)


def _reads(lake: LakeCount) -> float:
    """Return the objects that looks and drift read in a month: each hour of the month reads some hours of it."""
    return UNMERGED_HOURS_READ * lake.sources + MERGED_HOURS_READ * lake.merged


def _compaction_requests(lake: LakeCount) -> float:
    """Return the price of a month's compactions without the files that they write; S3 does not charge for deletions.

    Each lists the lake three times (before, for deletions, and for what is left), reads the sources, and reads all that
    is left because some session was deleted.
    """
    lists = 3 * DAYS * (lake.kept + lake.sources / DAYS) / KEYS_PER_LIST
    return lists * prices.S3_PUT + (lake.sources + DAYS * lake.kept) * prices.S3_GET


def learning_cost(loop: Loop) -> dict[str, float]:
    """Return the lines of the loop's bill, in US dollars a month.

    Training is priced on demand: the template asks for spot capacity, which costs less by what the market gives.
    """
    collections = COLLECTIONS_PER_DAY * DAYS
    lake = lake_files(loop.events)
    looks = LOOKS_PER_DAY * DAYS * LOOK_SECONDS
    compaction = lake.sources * SECONDS_PER_SOURCE + DAYS * lake.kept * SECONDS_PER_KEPT_FILE
    gigabyte_seconds = (
        (lake.sources * SECONDS_PER_FILE + collections * STREAMS * SECONDS_PER_EMPTY_STREAM) * COLLECT_MB / 1024
        + (looks + compaction) * LARGE_MB / 1024  # drift and compaction
        + (looks + RETRAININGS * 2 * LOOK_SECONDS) * loop.memory_mb / 1024  # decider and canary
    )
    monitoring = learning_monitoring_cost(loop.versions)
    return {
        "Lake: store": loop.events * 2 * KILOBYTES_PER_ENTRY / 1e6 * prices.VALKEY_SERVERLESS_MILLION_ECPU,
        "Lake: objects": (lake.sources + lake.merged) * prices.S3_PUT + _reads(lake) * prices.S3_GET,
        "Lake: compaction": _compaction_requests(lake),
        "Lake: storage": lake.bytes / 2**30 * prices.S3_GB_MONTH,
        "Learning: functions": gigabyte_seconds * prices.LAMBDA_GB_SECOND,
        "Learning: metrics": monitoring.metrics,
        "Learning: alarms": monitoring.alarms,
        "Learning: state machine": RETRAININGS * TRANSITIONS * prices.STATE_TRANSITION,
        "Learning: training, on demand": RETRAININGS * loop.training_hours * prices.TRAINING_M5_2XLARGE_HOUR,
    }
