"""Look at the running experiment and carry out what that decides; called once an hour."""

from datetime import UTC, datetime

import msgspec

from learning.settings import Settings
from model_export.experiments.cloudwatch import CloudWatchMeasurements
from model_export.experiments.lifecycle import look_at_route
from nextitem.aws.boto_object_store import BotoObjectStore


def handler(_event: object, _context: object) -> object:
    """Look, and return the look as JSON; null if there is no experiment to look at.

    Raises:
        SettingsError: a setting is missing or wrong.
        NextItemError: the lake cannot be read, the guard rails cannot be measured, or others keep changing the route.
    """
    settings = Settings.read()
    bucket = BotoObjectStore(settings.bucket, region=settings.region)
    measurements = CloudWatchMeasurements(settings.stack, region=settings.region)
    return msgspec.to_builtins(look_at_route(bucket, bucket, settings.route, measurements, datetime.now(UTC)))
