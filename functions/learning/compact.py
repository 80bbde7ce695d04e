"""Remove deleted sessions and old days from the lake, and merge its files; called once a day.

A run has a limited time. Hours that it does not merge are left for the next one, and are counted.
"""

import logging
import time
from dataclasses import asdict

from learning.remaining_time import Context, is_over_before
from learning.settings import Settings, positive
from model_export.lake.compaction import compact
from nextitem.aws.boto_object_store import BotoObjectStore

KEPT_SECONDS = 600.0
"""Time kept for the hour that is being merged when the time is over, and for carrying out deletions."""

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)


def handler(_event: object, context: Context) -> dict[str, int]:
    """Compact the lake and return the counts.

    Raises:
        SettingsError: a setting is missing or wrong.
        RegistryUnavailable: the bucket did not answer, another program changes the lake's files, or one is damaged.
    """
    settings = Settings.read()
    lake = BotoObjectStore(settings.bucket, region=settings.region)
    result = asdict(
        compact(
            lake,
            time.time_ns() // 1_000_000,
            positive("NEXTITEM_LAKE_RETENTION_DAYS"),
            is_over=is_over_before(context, KEPT_SECONDS),
        )
    )
    logger.info("compacted: %s", result)
    return result
