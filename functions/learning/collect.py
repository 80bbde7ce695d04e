"""Bring the events that wait in the session store into the lake; called every quarter of an hour.

A run has a limited time. Streams that it does not reach are the first of the next run, and are counted.
"""

import logging

from learning.metrics import emit
from learning.remaining_time import Context, is_over_before
from learning.settings import Settings, positive, store_url
from model_export.lake.rounds import collect_round
from model_export.lake.valkey_streams import ValkeyStreams
from nextitem.aws.boto_object_store import BotoObjectStore

KEPT_SECONDS = 60.0
"""Time kept for the stream that is being collected when the time is over: calls of 10 s, and writes to S3."""

logging.getLogger().setLevel(logging.INFO)


def handler(_event: object, context: Context) -> dict[str, int]:
    """Collect, emit metrics, and return the counts.

    Raises:
        SettingsError: a setting is missing or wrong.
        StoreUnavailable: no stream could be read.
        RegistryUnavailable: the bucket did not answer, or refused.
    """
    settings = Settings.read()
    streams = ValkeyStreams(store_url(), settings.region)
    try:
        result = collect_round(
            streams,
            BotoObjectStore(settings.bucket, region=settings.region),
            positive("NEXTITEM_LAKE_BUCKETS"),
            is_over=is_over_before(context, KEPT_SECONDS),
            report=lambda counts: emit(settings.stack, "collect", counts),
        )
    finally:
        streams.close()
    return result
