"""Look at the running experiment and carry out what that decides; called once an hour."""

from datetime import UTC, datetime

import msgspec

from learning.metrics import emit
from learning.settings import Settings
from model_export.experiments.cloudwatch import CloudWatchMeasurements
from model_export.experiments.lifecycle import look_at_route
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.telemetry.metrics import GUARDS_UNMEASURED


def handler(_event: object, _context: object) -> object:
    """Look, and return the look as JSON; null if there is no experiment to look at.

    Raises:
        SettingsError: a setting is missing or wrong.
        NextItemError: the lake cannot be read, or others keep changing the route.
    """
    settings = Settings.read()
    bucket = BotoObjectStore(settings.bucket, region=settings.region)
    measurements = CloudWatchMeasurements(settings.stack, region=settings.region)
    look = look_at_route(bucket, bucket, settings.route, measurements, datetime.now(UTC))
    if look is not None:
        emit(settings.stack, "decide", {GUARDS_UNMEASURED.name: int(look.unmeasured != "")})
    return msgspec.to_builtins(look)
