"""Secrets Manager's rotation of the key secret: a new `current`, and the one before as `previous`.

The secret is JSON, `{"current": …, "previous": …, "rotated_at": epoch seconds}`. The rotation takes effect at
`rotated_at`, some minutes after it is done: until then the service uses `previous`, by then each of its processes has
read the new version, and from then on all use `current` and move the sessions that are still under `previous`. So a
rotation loses none, and no two processes look for a session at different keys. Secrets Manager calls the four steps in
order and repeats what failed, so each may run twice. Logs no secret. Knows no session.
https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

import json
import logging
import secrets
import string
import time
from typing import Any

import boto3

SECRET_CHARS = 64
MIN_CHARS = 16
"""What the service takes at least (`nextitem.sessions.keys`)."""
LEAD_SECONDS = 600
"""From a rotation to its effect: twice `nextitem.sessions.secret_cache.RENEW_SECONDS`, so the service has read the
secret again."""
LEAST_LEAD_SECONDS = 480
"""What must be left of that when the new version becomes current: more than
`nextitem.sessions.secret_cache.TRUSTED_SECONDS`."""
_ALPHABET = string.ascii_letters + string.digits

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)


class RotationRefused(Exception):
    """The secret is not in a state that this step may change; nothing was changed."""


def handler(event: dict[str, str], _context: object) -> None:
    """Carry out one step.

    Args:
        event: `Step`, `SecretId` (its ARN) and `ClientRequestToken` (the new version's id).

    Raises:
        RotationRefused: rotation is off, the version is not staged, or what is staged is not what it should be.
        botocore.exceptions.ClientError: Secrets Manager refused.
    """
    step, secret, token = event["Step"], event["SecretId"], event["ClientRequestToken"]
    client = boto3.client("secretsmanager")
    described = client.describe_secret(SecretId=secret)
    if not described.get("RotationEnabled"):
        raise RotationRefused("rotation is not enabled for this secret")
    stages: dict[str, list[str]] = described["VersionIdsToStages"]
    if "AWSCURRENT" in stages.get(token, ()):
        logger.info("%s: the version is current already", step)
        return
    if "AWSPENDING" not in stages.get(token, ()):
        raise RotationRefused(f"version {token} is not staged as AWSPENDING")
    match step:
        case "createSecret":
            _create(client, secret, token)
        case "setSecret":
            pass  # nobody else holds the secret: the service reads it here
        case "testSecret":
            _test(client, secret, token)
        case "finishSecret":
            _finish(client, secret, token, stages)
        case _:
            raise RotationRefused(f"there is no step {step}")
    logger.info("%s: done", step)


def _create(client: Any, secret: str, token: str) -> None:
    """Write the new version, unless it was written before: a retry must not forget what it holds."""
    try:
        _value(client, secret, VersionId=token, VersionStage="AWSPENDING")
    except client.exceptions.ResourceNotFoundException:
        _make(client, secret, token)


def _make(client: Any, secret: str, token: str) -> None:
    before, now = _value(client, secret, VersionStage="AWSCURRENT"), int(time.time())
    if _moment(before) > now:
        raise RotationRefused("the rotation before this one has not taken effect yet: sessions live as before it")
    fresh = "".join(secrets.choice(_ALPHABET) for _ in range(SECRET_CHARS))
    value = {"current": fresh, "previous": before["current"], "rotated_at": now + LEAD_SECONDS}
    client.put_secret_value(
        SecretId=secret, ClientRequestToken=token, SecretString=json.dumps(value), VersionStages=["AWSPENDING"]
    )


def _test(client: Any, secret: str, token: str) -> None:
    """Hold the new version against the one that serves; a copy of that is Secrets Manager's rehearsal of a schedule."""
    pending = _value(client, secret, VersionId=token, VersionStage="AWSPENDING")
    if pending != _value(client, secret, VersionStage="AWSCURRENT"):
        _succeeds(client, secret, token)


def _succeeds(client: Any, secret: str, token: str) -> None:
    """Check that sessions survive the change: they live under the serving version's `current`.

    Raises:
        RotationRefused: they would be lost.
    """
    pending = _value(client, secret, VersionId=token, VersionStage="AWSPENDING")
    serving = _value(client, secret, VersionStage="AWSCURRENT")
    if pending.get("previous") != serving["current"] or pending["current"] == serving["current"]:
        raise RotationRefused("the new version does not keep the serving secret as previous beside a new one")


def _finish(client: Any, secret: str, token: str, stages: dict[str, list[str]]) -> None:
    """Make the new version current; checked again, since another rotation may have ended since.

    Raises:
        RotationRefused: sessions would be lost, or the version was made so long ago (the rotation broke off) that it
            would take effect before the service knows it. That one is dropped, so that the next attempt makes another.
    """
    _succeeds(client, secret, token)
    pending = _value(client, secret, VersionId=token, VersionStage="AWSPENDING")
    if _moment(pending) - time.time() < LEAST_LEAD_SECONDS:
        client.update_secret_version_stage(SecretId=secret, VersionStage="AWSPENDING", RemoveFromVersionId=token)
        raise RotationRefused("the new version is too old to be announced in time; it was dropped: rotate again")
    (serving,) = [version for version, names in stages.items() if "AWSCURRENT" in names]
    client.update_secret_version_stage(
        SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=serving
    )
    client.update_secret_version_stage(SecretId=secret, VersionStage="AWSPENDING", RemoveFromVersionId=token)


def _moment(value: dict[str, Any]) -> float:
    """Return when a version took or takes effect, epoch seconds; 0 where it does not say so."""
    moment = value.get("rotated_at")
    return moment if isinstance(moment, int | float) else 0


def _value(client: Any, secret: str, **version: str) -> dict[str, Any]:
    """Return the secret's value in a version.

    Raises:
        RotationRefused: it is no key secret. What it is instead is not shown.
    """
    text = client.get_secret_value(SecretId=secret, **version)["SecretString"]
    try:
        value = json.loads(text)
        if len(value["current"]) >= MIN_CHARS:
            return dict(value)
    except (ValueError, KeyError, TypeError) as error:
        raise RotationRefused(f"a version holds no key secret: {type(error).__name__}") from None
    raise RotationRefused(f"a version holds a secret under {MIN_CHARS} characters")
