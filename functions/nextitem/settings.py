"""Every setting of the serving library: its name, default and meaning, read from the environment once.

AWS's own variables (region, credentials, ``AWS_ENDPOINT_URL_S3``) mean what they mean everywhere.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from nextitem import DEFAULT_REGION, DEFAULT_ROUTE
from nextitem.errors import SettingsError
from nextitem.redis_client.url import StoreUrl, parse_store_url
from nextitem.sessions.key_secret import MIN_SECRET_CHARS, KeySecret


class Settings(msgspec.Struct, frozen=True):
    """The service's settings. Times are seconds; an empty variable counts as one that is not set.

    Attributes:
        bucket: ``NEXTITEM_BUCKET``, the bucket that holds the registry; required.
        store_url: ``NEXTITEM_STORE_URL``, one server, Sentinels or a Cluster, see `storeurl`; required.
        key_secret: ``NEXTITEM_KEY_SECRET``, the HMAC secret of session keys, 16 characters or more, or None.
        key_secret_id: ``NEXTITEM_KEY_SECRET_ID``, its name in Secrets Manager, or None; one of the two is required.
        route: ``NEXTITEM_ROUTE``, the route whose versions are served.
        route_ttl: ``NEXTITEM_ROUTE_TTL_SECONDS``, after which the route is looked at again.
        store_timeout: ``NEXTITEM_STORE_TIMEOUT_MS``, the most that one verb of the session store may take.
        session_ttl: ``NEXTITEM_SESSION_TTL_SECONDS``, after which an untouched session is forgotten.
        deadline: ``NEXTITEM_DEADLINE_MS``, for requests that name none.
        model_dir: ``NEXTITEM_MODEL_DIR``, where model versions are kept.
        region: ``AWS_REGION``.
        s3_endpoint: ``AWS_ENDPOINT_URL_S3``, another S3 endpoint than AWS's.
        secrets_endpoint: ``AWS_ENDPOINT_URL_SECRETS_MANAGER``, another Secrets Manager endpoint than AWS's.
    """

    bucket: str
    store_url: StoreUrl
    key_secret: KeySecret | None
    key_secret_id: str | None
    route: str
    route_ttl: float
    store_timeout: float
    session_ttl: float
    deadline: float
    model_dir: Path
    region: str
    s3_endpoint: str | None
    secrets_endpoint: str | None

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Return the settings of an environment.

        Raises:
            SettingsError: one is missing or makes no sense.
        """
        secret, secret_id = _key_secret(environment)
        return cls(
            bucket=_required(environment, "NEXTITEM_BUCKET"),
            store_url=parse_store_url(_required(environment, "NEXTITEM_STORE_URL")),
            key_secret=secret,
            key_secret_id=secret_id,
            route=environment.get("NEXTITEM_ROUTE") or DEFAULT_ROUTE,
            route_ttl=_positive(environment, "NEXTITEM_ROUTE_TTL_SECONDS", 30),
            store_timeout=_positive(environment, "NEXTITEM_STORE_TIMEOUT_MS", 50) / 1000,
            session_ttl=_positive(environment, "NEXTITEM_SESSION_TTL_SECONDS", 86_400, least=1),
            deadline=_positive(environment, "NEXTITEM_DEADLINE_MS", 120) / 1000,
            model_dir=Path(environment.get("NEXTITEM_MODEL_DIR") or "/tmp/nextitem"),  # noqa: S108 - Lambda's only disk
            region=environment.get("AWS_REGION") or DEFAULT_REGION,
            s3_endpoint=environment.get("AWS_ENDPOINT_URL_S3") or None,
            secrets_endpoint=environment.get("AWS_ENDPOINT_URL_SECRETS_MANAGER") or None,
        )


def _key_secret(environment: Mapping[str, str]) -> tuple[KeySecret | None, str | None]:
    secret = environment.get("NEXTITEM_KEY_SECRET", "")
    secret_id = environment.get("NEXTITEM_KEY_SECRET_ID", "")
    if bool(secret) == bool(secret_id):
        raise SettingsError("one of NEXTITEM_KEY_SECRET and NEXTITEM_KEY_SECRET_ID must be set, and only one")
    if secret_id:
        return None, secret_id
    try:
        return KeySecret.of(secret), None
    except ValueError:
        raise SettingsError(f"NEXTITEM_KEY_SECRET must have {MIN_SECRET_CHARS} characters or more") from None


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise SettingsError(f"{name} is not set")
    return value


def _positive(environment: Mapping[str, str], name: str, default: float, least: float = 0) -> float:
    text = environment.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError:
        raise SettingsError(f"{name} must be a number, not {text!r}") from None
    if not 0 < value < float("inf") or value < least:
        raise SettingsError(f"{name} must be {f'{least:g} or more' if least else 'more than 0'}, not {text!r}")
    return value
