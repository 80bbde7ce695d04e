"""Get the function's AWS credentials.

On demand they are environment variables. Under SnapStart these could expire before a snapshot is restored, so Lambda
names a container credentials provider instead:
https://docs.aws.amazon.com/lambda/latest/dg/snapstart-activate.html#snapstart-credentials,
https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html. obstore supports such a provider
only with its token in a file, which takes precedence over a variable here, as in AWS's SDKs. Decision 11 says why
botocore is not used.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Protocol

import msgspec

from nextitem.aws.endpoint import is_endpoint
from nextitem.background_call import SharedCall
from nextitem.deadline import Deadline
from nextitem.errors import CredentialsUnavailable

MARGIN = timedelta(minutes=5)
"""Credentials are fetched again this long before they expire."""
FETCH_SECONDS = 1.0
"""Timeout of each step of a fetch; the provider is a process of the same machine."""
_OK = 200


class Credentials(msgspec.Struct, frozen=True):
    """Keys that sign requests to AWS; `expires` is None if their expiry is unknown."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None
    expires: datetime | None = None


_Text = Annotated[str, msgspec.Meta(min_length=1)]


class _Document(msgspec.Struct, rename="pascal"):
    """The provider's answer; an `Expiration` without a zone is UTC."""

    access_key_id: _Text
    secret_access_key: _Text
    token: str | None = None
    expiration: datetime | None = None


class CredentialsSource(Protocol):
    """Returns valid credentials when called."""

    def __call__(self, limit: Deadline | None = None, /) -> Credentials:
        """Return valid credentials.

        Args:
            limit: when to give up; None waits for as long as the fetch takes.

        Raises:
            CredentialsUnavailable: there are none before the deadline.
        """


class ContainerCredentials:
    """Fetches credentials from a container credentials provider and keeps them until `MARGIN` before they expire.

    Threads may share it.

    Args:
        uri: the provider's address.
        token: the value of its Authorization header, or the file that holds it. The file is read at each fetch, because
            it is replaced before its token expires.
        now: the wall clock, with a time zone.
    """

    def __init__(self, uri: str, token: str | Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._uri, self._token, self._now = uri, token, now
        self._held: Credentials | None = None
        self._fetching = SharedCall(self._renew, "the AWS credentials")

    def __call__(self, limit: Deadline | None = None, /) -> Credentials:
        """See `CredentialsSource`."""
        held = self._held
        if held is not None and self._valid_for(held) > MARGIN:
            return held
        valid = held is not None and self._valid_for(held) > timedelta()
        try:
            if limit is None:
                return self._renew()
            # While the old ones are valid, the fetch goes on in the background.
            return self._fetching.result(Deadline.after(0) if valid else limit)
        except (CredentialsUnavailable, TimeoutError) as error:
            if held is not None and valid:
                return held
            if isinstance(error, TimeoutError):
                raise CredentialsUnavailable("the credentials provider did not answer in time") from error
            raise

    def _renew(self) -> Credentials:
        self._held = held = self._fetch()
        return held

    def _valid_for(self, held: Credentials) -> timedelta:
        return timedelta.max if held.expires is None else held.expires - self._now()

    def _fetch(self) -> Credentials:
        import http.client  # imported lazily: only SnapStart needs it
        from urllib.parse import urlsplit  # costs 5 ms at import

        if not is_endpoint(self._uri, query=True):  # not quoted: it may hold a password
            raise CredentialsUnavailable(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI must be a URL with http:// or https:// and a host, and no user"
            )
        token = self._token if isinstance(self._token, str) else _read_token(self._token)
        address = urlsplit(self._uri)
        target = f"{address.path or '/'}?{address.query}" if address.query else address.path
        connection_class = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        connection = connection_class(address.netloc, timeout=FETCH_SECONDS)
        try:
            connection.request("GET", target, headers={"Authorization": token})
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise CredentialsUnavailable(f"the credentials provider cannot be reached: {error}") from error
        except ValueError:  # its text quotes the token
            raise CredentialsUnavailable("the credentials provider's token cannot be sent as a header") from None
        finally:
            connection.close()
        if response.status != _OK:
            raise CredentialsUnavailable(f"the credentials provider answered with status {response.status}")
        return _decode(body)


def credentials_of(
    environment: Mapping[str, str], now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> CredentialsSource:
    """Return a source of the credentials that an environment has or names.

    Args:
        environment: the function's environment variables.
        now: the wall clock, with a time zone.
    """

    def from_variables(_limit: Deadline | None = None, /) -> Credentials:
        return _from_variables(environment)

    return container_credentials(environment, now) or from_variables


def container_credentials(
    environment: Mapping[str, str], now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> ContainerCredentials | None:
    """Return the credentials of the provider that an environment names; None if it names none or has keys itself."""
    uri = environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    file, token = (environment.get(f"AWS_CONTAINER_AUTHORIZATION_TOKEN{suffix}") for suffix in ("_FILE", ""))
    if environment.get("AWS_ACCESS_KEY_ID") or not uri or not (file or token):
        return None
    return ContainerCredentials(uri, Path(file) if file else token or "", now)


def _read_token(file: Path) -> str:
    """Return a token without the line break that editors put at the end of a file.

    Raises:
        CredentialsUnavailable: the file cannot be read; the text never quotes it.
    """
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise CredentialsUnavailable(
            f"the file in AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE cannot be read: {type(error).__name__}"
        ) from error


def _from_variables(environment: Mapping[str, str]) -> Credentials:
    return Credentials(
        environment.get("AWS_ACCESS_KEY_ID", ""),
        environment.get("AWS_SECRET_ACCESS_KEY", ""),
        environment.get("AWS_SESSION_TOKEN") or None,
    )


def _decode(body: bytes) -> Credentials:
    try:
        document = msgspec.json.decode(body, type=_Document)
        expires = document.expiration and _in_utc(document.expiration)
    except (msgspec.DecodeError, OverflowError, RecursionError, ValueError) as error:
        # The error's text is left out: it may quote a secret.
        name = type(error).__name__
        raise CredentialsUnavailable(f"the credentials provider's answer cannot be decoded: {name}") from None
    return Credentials(document.access_key_id, document.secret_access_key, document.token or None, expires)


def _in_utc(time: datetime) -> datetime:
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
