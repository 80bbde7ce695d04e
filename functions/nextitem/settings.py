"""Read the settings of the serving library from environment variables.

AWS's own variables (region, credentials, ``AWS_ENDPOINT_URL_S3``) have their usual meaning.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from nextitem import DEFAULT_REGION, DEFAULT_ROUTE, DEFAULT_STACK
from nextitem.aws.endpoint import is_endpoint
from nextitem.errors import SettingsError
from nextitem.event_types import LABEL_PATTERN
from nextitem.redis_client.url import StoreUrl, parse_store_url
from nextitem.sessions.key_secret import KeySecret

MAX_MILLISECONDS = 900_000
"""Lambda's longest timeout."""
MAX_SECONDS = 366 * 86_400
MAX_ROUTE_CHARS = 100
"""Maximum length of a route's name: the registry's keys, with names of versions, stay far below S3's 1,024 bytes."""

MAX_PLACEMENTS = 20
"""Maximum number of placements that are a dimension of metrics: AWS bills each as some metrics."""
_LABEL = LABEL_PATTERN.removeprefix("^").removesuffix(r"\Z")

FORMS = {
    "NEXTITEM_BUCKET": (
        r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        "the name of a bucket: no ARN, URL or path, and no two dots in a row",
    ),
    "NEXTITEM_ROUTE": (
        rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_ROUTE_CHARS - 1}}}",
        f"the name of a route: at most {MAX_ROUTE_CHARS} letters, digits, '.', '_' and '-'",
    ),
    "NEXTITEM_KEY_SECRET_ID": (
        r"[A-Za-z0-9/_+=.@-]{1,512}|arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+",
        "the name or the ARN of a secret in Secrets Manager",
    ),
    "NEXTITEM_STACK": (
        r"[A-Za-z][A-Za-z0-9-]{0,127}",
        "the name of a stack: at most 128 letters, digits and '-', a letter first",
    ),
    "NEXTITEM_EXCLUDE_SEEN": (r"true|false", "true or false"),
    "NEXTITEM_EXPLORE": (r"0(\.[0-9]{1,9})?|1(\.0{1,9})?", "a number from 0 to 1"),
    "NEXTITEM_PLACEMENTS": (
        rf"{_LABEL}(,{_LABEL}){{0,{MAX_PLACEMENTS - 1}}}",
        f"at most {MAX_PLACEMENTS} labels, comma-separated, each of letters, digits, '_', '.', ':' and '-'",
    ),
    "NEXTITEM_LAKE_BUCKETS": (r"0|[1-9][0-9]{0,3}", "a whole number from 0 to 9999"),
    "NEXTITEM_TRENDING": (r"true|false", "true or false"),
    "NEXTITEM_TRENDING_FIELD": (r"[^\x00-\x1f]{1,200}", "the name of a field of the catalogue"),
    "AWS_REGION": (r"[a-z]+(-[a-z]+)+-[0-9]+", "a region, such as eu-central-1"),
}
"""The form of each text, as a pattern and in words. A value of another kind fails here, not in a request."""
_NUMBER = r"[0-9]+(\.[0-9]{1,9})?"


class Settings(msgspec.Struct, frozen=True):
    """The settings of a process. Times are seconds. An empty variable counts as not set.

    Numbers are plain decimals, such as 30 or 0.5. Endpoints have no user, password, query or fragment.

    Attributes:
        bucket: ``NEXTITEM_BUCKET``, the bucket that holds the registry; required.
        store_url: ``NEXTITEM_STORE_URL``, the URL of one server, of Sentinels or of a Cluster; required.
        key_secret: ``NEXTITEM_KEY_SECRET``, the HMAC secret of session keys, at least 16 characters, or None; set it
            or the next.
        key_secret_id: ``NEXTITEM_KEY_SECRET_ID``, the name of that secret in Secrets Manager, or None.
        route: ``NEXTITEM_ROUTE``, the route whose versions are served.
        route_ttl: ``NEXTITEM_ROUTE_TTL_SECONDS``, the time after which the route is read again.
        store_timeout: ``NEXTITEM_STORE_TIMEOUT_MS``, the limit of one call to the session store.
        store_connect_timeout: ``NEXTITEM_STORE_CONNECT_TIMEOUT_MS``, the limit of a call that has to connect first
            (TCP, TLS, login), such as the first one after 30 s without calls; by default twice the limit above.
        session_ttl: ``NEXTITEM_SESSION_TTL_SECONDS``, the time after which a session without events is deleted.
        deadline: ``NEXTITEM_DEADLINE_MS``, the deadline of requests that set none.
        exclude_seen: ``NEXTITEM_EXCLUDE_SEEN``, whether to leave out a session's items where neither the request nor
            the route says.
        explore: ``NEXTITEM_EXPLORE``, the share of places that new items get beyond their scores where neither the
            request nor the route says.
        trending: ``NEXTITEM_TRENDING``, true or false: whether to count what trends. Without it nothing more is sent to
            the store, and `trending` answers with the most popular items.
        trending_half_life: ``NEXTITEM_TRENDING_HALF_LIFE_SECONDS``, after which an event counts half.
        trending_field: ``NEXTITEM_TRENDING_FIELD``, the catalogue's field by whose values items are counted, too, or
            None.
        lake_buckets: ``NEXTITEM_LAKE_BUCKETS``, the number of streams that take events on their way to the event lake;
            0, the default, turns the lake off. Another number forgets all sessions: it changes their keys.
        placements: ``NEXTITEM_PLACEMENTS``, comma-separated: values of a request's `placement` that are a dimension of
            metrics; all others are only in the log.
        stack: ``NEXTITEM_STACK``, the dimension that tells the metrics of this deployment from others in its account.
        model_dir: ``NEXTITEM_MODEL_DIR``, the folder of downloaded model versions.
        region: ``AWS_REGION``, the region of the bucket and of the secret.
        s3_endpoint: ``AWS_ENDPOINT_URL_S3``, an S3 endpoint other than AWS's.
        secrets_endpoint: ``AWS_ENDPOINT_URL_SECRETS_MANAGER``, a Secrets Manager endpoint other than AWS's.
    """

    bucket: str
    store_url: StoreUrl
    key_secret: KeySecret | None
    key_secret_id: str | None
    route: str
    route_ttl: float
    store_timeout: float
    store_connect_timeout: float
    session_ttl: float
    deadline: float
    exclude_seen: bool
    explore: float
    trending: bool
    trending_half_life: float
    trending_field: str | None
    lake_buckets: int
    placements: frozenset[str]
    stack: str
    model_dir: Path
    region: str
    s3_endpoint: str | None
    secrets_endpoint: str | None

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings.

        Raises:
            SettingsError: a setting is missing or wrong.
        """
        secret, secret_id = _key_secret(environment)
        store_ms = _positive(environment, "NEXTITEM_STORE_TIMEOUT_MS", 50)
        connect_ms = min(2 * store_ms, MAX_MILLISECONDS)
        return cls(
            bucket=_matching("NEXTITEM_BUCKET", _required(environment, "NEXTITEM_BUCKET")),
            store_url=parse_store_url(_required(environment, "NEXTITEM_STORE_URL")),
            key_secret=secret,
            key_secret_id=secret_id,
            route=_matching("NEXTITEM_ROUTE", environment.get("NEXTITEM_ROUTE") or DEFAULT_ROUTE),
            route_ttl=_positive(environment, "NEXTITEM_ROUTE_TTL_SECONDS", 30),
            store_timeout=store_ms / 1000,
            store_connect_timeout=_positive(environment, "NEXTITEM_STORE_CONNECT_TIMEOUT_MS", connect_ms, store_ms)
            / 1000,
            session_ttl=_positive(environment, "NEXTITEM_SESSION_TTL_SECONDS", 86_400, minimum=1),
            deadline=_positive(environment, "NEXTITEM_DEADLINE_MS", 120) / 1000,
            exclude_seen=_matching("NEXTITEM_EXCLUDE_SEEN", environment.get("NEXTITEM_EXCLUDE_SEEN") or "false")
            == "true",
            explore=float(_matching("NEXTITEM_EXPLORE", environment.get("NEXTITEM_EXPLORE") or "0.05")),
            trending=_matching("NEXTITEM_TRENDING", environment.get("NEXTITEM_TRENDING") or "true") == "true",
            trending_half_life=_positive(environment, "NEXTITEM_TRENDING_HALF_LIFE_SECONDS", 21_600, minimum=60),
            trending_field=_optional(environment, "NEXTITEM_TRENDING_FIELD"),
            lake_buckets=int(
                _matching("NEXTITEM_LAKE_BUCKETS", environment.get("NEXTITEM_LAKE_BUCKETS") or "0"),
            ),
            placements=frozenset((_optional(environment, "NEXTITEM_PLACEMENTS") or "").split(",")) - {""},
            stack=_matching("NEXTITEM_STACK", environment.get("NEXTITEM_STACK") or DEFAULT_STACK),
            model_dir=Path(environment.get("NEXTITEM_MODEL_DIR") or "/tmp/nextitem"),  # noqa: S108 - Lambda's only disk
            region=_matching("AWS_REGION", environment.get("AWS_REGION") or DEFAULT_REGION),
            s3_endpoint=_endpoint(environment, "AWS_ENDPOINT_URL_S3"),
            secrets_endpoint=_endpoint(environment, "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
        )


def _key_secret(environment: Mapping[str, str]) -> tuple[KeySecret | None, str | None]:
    secret = environment.get("NEXTITEM_KEY_SECRET", "")
    secret_id = environment.get("NEXTITEM_KEY_SECRET_ID", "")
    if bool(secret) == bool(secret_id):
        raise SettingsError("set exactly one of NEXTITEM_KEY_SECRET and NEXTITEM_KEY_SECRET_ID")
    if secret_id:
        return None, _matching("NEXTITEM_KEY_SECRET_ID", secret_id)
    try:
        return KeySecret.of(secret), None
    except ValueError as error:
        raise SettingsError(f"NEXTITEM_KEY_SECRET is refused: {error}") from None


def _matching(name: str, value: str) -> str:
    """Return a value that has its setting's form. A wrong one is not quoted: it may be a secret."""
    pattern, form = FORMS[name]
    if re.fullmatch(pattern, value) is None:
        raise SettingsError(f"{name} must be {form}")
    return value


def _optional(environment: Mapping[str, str], name: str) -> str | None:
    """Return a value that has its setting's form; None if it is not set."""
    value = environment.get(name)
    return _matching(name, value) if value else None


def _endpoint(environment: Mapping[str, str], name: str) -> str | None:
    """Return an endpoint, or None. A wrong one is not quoted: it may hold a password."""
    value = environment.get(name)
    if value and not is_endpoint(value):
        raise SettingsError(
            f"{name} must be a URL with http:// or https://, a host, and optionally a port and a path; "
            "remove user, password, query and fragment"
        )
    return value or None


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise SettingsError(f"{name} is not set; it is required")
    return value


def _positive(environment: Mapping[str, str], name: str, default: float, minimum: float = 0) -> float:
    """Return a number. `float` also takes ``1_000``, ``1e-300``, ``nan`` and the digits of other scripts."""
    text = environment.get(name, "")
    if text and re.fullmatch(_NUMBER, text) is None:
        raise SettingsError(f"{name} must be a number such as 30 or 0.5, with at most 9 decimals, not {text!r}")
    value = float(text) if text else default
    maximum = MAX_MILLISECONDS if name.endswith("_MS") else MAX_SECONDS
    if value > maximum:
        raise SettingsError(f"{name} must be at most {maximum}, not {text!r}; see the unit at the end of its name")
    if not value > 0 or value < minimum:
        raise SettingsError(f"{name} must be {f'at least {minimum:g}' if minimum else 'more than 0'}, not {text!r}")
    return value
