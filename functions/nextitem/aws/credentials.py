"""The function's own AWS credentials, from wherever Lambda puts them.

On demand they are variables of the environment. Under SnapStart, where they could expire before a snapshot is restored,
Lambda gives the address of a container credentials provider instead:
https://docs.aws.amazon.com/lambda/latest/dg/snapstart-activate.html#snapstart-credentials,
https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html. obstore knows such a provider only
with its token in a file, and nothing else asks for one. Knows nobody who uses them.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from nextitem.background_call import SharedCall
from nextitem.deadline import Deadline
from nextitem.errors import CredentialsUnavailable

MARGIN = timedelta(minutes=5)
"""How long before they expire credentials are fetched anew."""
FETCH_SECONDS = 1.0
"""For one step of fetching them, from a process of the same machine."""
_OK = 200


class Credentials(msgspec.Struct, frozen=True):
    """What a request to AWS is signed with; `expires` is None for those that never do, as far as we are told."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None
    expires: datetime | None = None


class CredentialsSource(Protocol):
    """Gives credentials that are valid now."""

    def __call__(self, limit: Deadline | None = None, /) -> Credentials:
        """Return them.

        Args:
            limit: when to give up; None waits for as long as asking takes.

        Raises:
            CredentialsUnavailable: there are none, or not before the deadline.
        """


class ContainerCredentials:
    """Credentials of a container credentials provider, kept until shortly before they expire. Threads may share it.

    Args:
        uri: where to ask.
        token: what to say there.
        now: the wall clock, with a time zone.
    """

    def __init__(self, uri: str, token: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._uri, self._token, self._now = uri, token, now
        self._held: Credentials | None = None
        self._waiting = SharedCall(self._renewed, "the AWS credentials")

    def __call__(self, limit: Deadline | None = None, /) -> Credentials:
        """See `CredentialsSource`."""
        held = self._held
        if held is not None and self._left(held) > MARGIN:
            return held
        valid = held is not None and self._left(held) > timedelta()
        try:
            if limit is None:
                return self._renewed()
            # Nobody waits while the old ones will do.
            return self._waiting.result(Deadline.after(0) if valid else limit)
        except (CredentialsUnavailable, TimeoutError) as error:
            if held is not None and valid:
                return held
            if isinstance(error, TimeoutError):
                raise CredentialsUnavailable("the credentials provider did not answer in time") from error
            raise

    def _renewed(self) -> Credentials:
        self._held = held = self._fetched()
        return held

    def _left(self, held: Credentials) -> timedelta:
        return timedelta.max if held.expires is None else held.expires - self._now()

    def _fetched(self) -> Credentials:
        import http.client  # not before it is needed: only SnapStart does
        from urllib.parse import urlsplit  # with what it imports 5 ms, which keys in the environment need not cost

        address = urlsplit(self._uri)
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        connection = kind(address.netloc, timeout=FETCH_SECONDS)
        try:
            connection.request("GET", address.path, headers={"Authorization": self._token})
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise CredentialsUnavailable(f"the credentials provider cannot be asked: {error}") from error
        finally:
            connection.close()
        if answer.status != _OK:
            raise CredentialsUnavailable(f"the credentials provider answered with status {answer.status}")
        return _decoded(body)


def credentials_of(
    environment: Mapping[str, str], now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> CredentialsSource:
    """Return what gives the credentials of an environment, whichever way it has them.

    Args:
        environment: the function's.
        now: the wall clock, with a time zone.
    """

    def from_variables(_limit: Deadline | None = None, /) -> Credentials:
        return _from_variables(environment)

    return container_credentials(environment, now) or from_variables


def container_credentials(
    environment: Mapping[str, str], now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> ContainerCredentials | None:
    """Return what asks the provider that an environment names, or None where it names none, or has keys itself."""
    uri, token = (environment.get(f"AWS_CONTAINER_{name}") for name in ("CREDENTIALS_FULL_URI", "AUTHORIZATION_TOKEN"))
    if environment.get("AWS_ACCESS_KEY_ID") or not uri or not token:
        return None
    return ContainerCredentials(uri, token, now)


def _from_variables(environment: Mapping[str, str]) -> Credentials:
    return Credentials(
        environment.get("AWS_ACCESS_KEY_ID", ""),
        environment.get("AWS_SECRET_ACCESS_KEY", ""),
        environment.get("AWS_SESSION_TOKEN") or None,
    )


def _decoded(body: bytes) -> Credentials:
    try:
        document = json.loads(body)
        expiration = document.get("Expiration")
        return Credentials(
            str(document["AccessKeyId"]),
            str(document["SecretAccessKey"]),
            document.get("Token"),
            _moment(expiration) if expiration else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # Never the answer itself, nor what a parser quotes of it: it may hold a secret.
        kind = type(error).__name__
        raise CredentialsUnavailable(f"the credentials provider's answer makes no sense: {kind}") from None


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
