"""Remove deleted sessions and old days from the lake; called once a day."""

import logging
import time
from dataclasses import asdict

from learning.settings import Settings, positive
from model_export.lake.compaction import compact
from nextitem.aws.boto_object_store import BotoObjectStore

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)


def handler(_event: object, _context: object) -> dict[str, int]:
    """Compact the lake and return the counts.

    Raises:
        SettingsError: a setting is missing or wrong.
        RegistryUnavailable: the bucket did not answer, or another program changes the lake's files.
    """
    settings = Settings.read()
    lake = BotoObjectStore(settings.bucket, region=settings.region)
    result = asdict(compact(lake, time.time_ns() // 1_000_000, positive("NEXTITEM_LAKE_RETENTION_DAYS")))
    logger.info("compacted: %s", result)
    return result
