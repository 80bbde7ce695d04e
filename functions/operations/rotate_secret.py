"""Secrets Manager's rotation function of the key secret: make a new `current`, and keep the old one as `previous`.

The secret is JSON, `{"current": …, "previous": …, "rotated_at": epoch seconds, "lake": …}`. `lake` is the key of names
in the event lake: the first rotation derives it, and later ones keep it. A rotation takes effect at
`rotated_at`, ten minutes after it is made. Until then the service uses `previous`, and each of its processes reads the
new version. From then on all processes use `current`, and move sessions that are still under `previous`. So no session
is lost, and no two processes look for a session under different keys.

Secrets Manager calls four steps in order and repeats a step that fails, so each may run twice. No secret is logged.
https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

import hashlib
import hmac
import json
import logging
import math
import secrets
import string
import time
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

SECRET_CHARS = 64
MIN_CHARS = 16
REFERENCES = ("arn:", "{")
"""The rules of the service (`nextitem.sessions.key_secret`). Lambda's runtime lacks what that module imports."""
LAKE = b"event lake"
"""`nextitem.sessions.key_secret.LAKE`."""
LEAD_SECONDS = 600
"""Time between a rotation and its effect: twice `nextitem.sessions.secret_cache.RENEW_SECONDS`, so the service has read
the secret again."""
MIN_LEAD_SECONDS = 480
"""Minimum time left until the effect when the new version becomes current: more than
`nextitem.sessions.secret_cache.TRUSTED_SECONDS`."""
_ALPHABET = string.ascii_letters + string.digits

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)


class RotationRefused(Exception):
    """This step may not change the secret in its present state; nothing was changed."""


def handler(event: dict[str, str], _context: object) -> None:
    """Run one step of a rotation.

    Args:
        event: `Step`, `SecretId` (its ARN) and `ClientRequestToken` (the new version's id).

    Raises:
        RotationRefused: rotation is off, or the version is not staged or not as expected.
        botocore.exceptions.ClientError: Secrets Manager refused.
    """
    step, secret, token = event["Step"], event["SecretId"], event["ClientRequestToken"]
    client = boto3.client("secretsmanager")
    described = client.describe_secret(SecretId=secret)
    if not described.get("RotationEnabled"):
        raise RotationRefused("rotation is not enabled for this secret; enable it first")
    stages: dict[str, list[str]] = described["VersionIdsToStages"]
    if "AWSCURRENT" in stages.get(token, ()):
        logger.info("%s: the version is current already", step)
        return
    if "AWSPENDING" not in stages.get(token, ()):
        raise RotationRefused(
            f"version {token} is not staged as AWSPENDING; start the rotation with `aws secretsmanager rotate-secret`"
        )
    match step:
        case "createSecret":
            _create(client, secret, token)
        case "setSecret":
            pass  # the secret is used nowhere but in the service, which reads it from Secrets Manager
        case "testSecret":
            _test(client, secret, token)
        case "finishSecret":
            _finish(client, secret, token, stages)
        case _:
            raise RotationRefused(f"{step} is not a step of a rotation")
    logger.info("%s: done", step)


def _create(client: Any, secret: str, token: str) -> None:
    """Write the new version, unless it exists: a retry must not overwrite it."""
    try:
        _value(client, secret, VersionId=token, VersionStage="AWSPENDING")
    except client.exceptions.ResourceNotFoundException:
        _make(client, secret, token)


def _make(client: Any, secret: str, token: str) -> None:
    before, now = _value(client, secret, VersionStage="AWSCURRENT"), int(time.time())
    if _moment(before) > now:
        raise RotationRefused("the previous rotation has not taken effect yet; rotate again later")
    fresh = "".join(secrets.choice(_ALPHABET) for _ in range(SECRET_CHARS))
    lake = before.get("lake") or hmac.digest(before["current"].encode(), LAKE, hashlib.sha256).hex()
    value = {"current": fresh, "previous": before["current"], "rotated_at": now + LEAD_SECONDS, "lake": lake}
    try:
        client.put_secret_value(
            SecretId=secret, ClientRequestToken=token, SecretString=json.dumps(value), VersionStages=["AWSPENDING"]
        )
    except (ClientError, BotoCoreError) as error:  # the answer may be lost, or another run of this step was first
        try:
            _value(client, secret, VersionId=token, VersionStage="AWSPENDING")
        except client.exceptions.ResourceNotFoundException:
            raise error from None


def _test(client: Any, secret: str, token: str) -> None:
    """Check the new version; when a schedule is set, Secrets Manager tests with a copy of the serving version."""
    pending = _value(client, secret, VersionId=token, VersionStage="AWSPENDING")
    if pending != _value(client, secret, VersionStage="AWSCURRENT"):
        _check_successor(client, secret, token)


def _check_successor(client: Any, secret: str, token: str) -> None:
    """Check that no session is lost: the new version's `previous` must be the serving version's `current`.

    Raises:
        RotationRefused: sessions would be lost.
    """
    pending = _value(client, secret, VersionId=token, VersionStage="AWSPENDING")
    serving = _value(client, secret, VersionStage="AWSCURRENT")
    if pending.get("previous") != serving["current"] or pending["current"] == serving["current"]:
        raise RotationRefused(
            "the new version must have a new `current` and the serving secret as `previous`; rotate again"
        )


def _finish(client: Any, secret: str, token: str, stages: dict[str, list[str]]) -> None:
    """Make the new version current, after another check: another rotation may have ended meanwhile.

    Raises:
        RotationRefused: sessions would be lost, or the version is so old (an interrupted rotation) that it would take
            effect before the service reads it. It is then dropped, so that the next attempt makes a new one.
    """
    _check_successor(client, secret, token)
    pending = _value(client, secret, VersionId=token, VersionStage="AWSPENDING")
    if _moment(pending) - time.time() < MIN_LEAD_SECONDS:
        _move_stage(client, secret, "AWSPENDING", old=token)
        raise RotationRefused("the new version is too old to be read in time; it was dropped: rotate again")
    (serving,) = [version for version, names in stages.items() if "AWSCURRENT" in names]
    # AWSPENDING stays: to Secrets Manager, a call that removes it means that the rotation has failed.
    _move_stage(client, secret, "AWSCURRENT", old=serving, new=token)


def _move_stage(client: Any, secret: str, stage: str, old: str, new: str | None = None) -> None:
    """Move a stage from one version to another, or to none.

    If the answer is lost, boto3 repeats the request, and Secrets Manager refuses that because the old version does not
    have the stage any more. So after an error the stages say whether it was done.
    """
    target = {"MoveToVersionId": new} if new else {}
    try:
        client.update_secret_version_stage(SecretId=secret, VersionStage=stage, RemoveFromVersionId=old, **target)
    except (ClientError, BotoCoreError):
        holders = [version for version, stages in _stages(client, secret).items() if stage in stages]
        if holders != ([new] if new else []):
            raise


def _stages(client: Any, secret: str) -> dict[str, list[str]]:
    """Return the stages of each version."""
    stages: dict[str, list[str]] = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
    return stages


def _moment(value: dict[str, Any]) -> float:
    """Return when a version takes effect, in epoch seconds; 0 if it does not say so."""
    return float(value.get("rotated_at") or 0)


def _value(client: Any, secret: str, **version: str) -> dict[str, Any]:
    """Return the secret's value in a version.

    Raises:
        RotationRefused: the value is not a key secret that the service accepts. The text does not show the value.
    """
    answer = client.get_secret_value(SecretId=secret, **version)
    try:
        value = json.loads(answer["SecretString"])
        is_valid = (
            _is_secret(value["current"])
            and (value.get("previous") is None or _is_secret(value["previous"]))
            and (value.get("lake") is None or _is_secret(value["lake"]))
            and (value.get("rotated_at") is None or _is_time(value["rotated_at"]))
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise RotationRefused(f"a version is not a key secret: {type(error).__name__}") from None
    if not is_valid:
        raise RotationRefused(
            f"a version is not a key secret: current, previous and lake must be texts of {MIN_CHARS} characters or "
            "more, not blank, and no ARN, reference or JSON; rotated_at must be a finite number"
        )
    return dict(value)


def _is_secret(text: Any) -> bool:
    """Return whether the service accepts a part of the key secret; a ValueError means no, too."""
    if not isinstance(text, str) or len(text) < MIN_CHARS:
        return False
    text.encode()  # refuses half a surrogate pair
    return bool(text.strip()) and not text.startswith(REFERENCES)


def _is_time(moment: Any) -> bool:
    """Return whether the service accepts a time; an OverflowError means no, too."""
    return type(moment) in (int, float) and math.isfinite(moment)
