"""How requests prove who sends them. Both are `httpx.Auth`, so any other `httpx.Auth` works, too."""

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:  # botocore is an optional package
    from botocore.credentials import Credentials


class BearerToken(httpx.Auth):
    """Sends a token (JWT).

    Args:
        token: the token, or a function that returns the current one; it is called before each try.
    """

    def __init__(self, token: str | Callable[[], str]) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the token to a request."""
        token = self._token if isinstance(self._token, str) else self._token()
        request.headers["authorization"] = f"Bearer {token}"
        yield request


class SigV4(httpx.Auth):
    """Signs requests for an API with IAM (AWS Signature Version 4). Needs ``nextitem-client[aws]``.

    Args:
        region: of the API.
        credentials: returns the credentials for each try; by default botocore looks for them, as boto3 does, and
            renews those that expire.
        service: as in the signature's scope.

    Raises:
        ValueError: there are no credentials.
    """

    requires_request_body = True

    def __init__(
        self, region: str, credentials: "Callable[[], Credentials] | None" = None, service: str = "execute-api"
    ) -> None:
        self._region, self._service = region, service
        self._credentials = credentials or _default_credentials()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign a request again: a signature holds for five minutes."""
        from botocore.auth import SigV4Auth  # imported lazily: an optional package
        from botocore.awsrequest import AWSRequest

        signed = AWSRequest(
            request.method, str(request.url), headers={"host": request.headers["host"]}, data=request.content
        )
        SigV4Auth(self._credentials(), self._service, self._region).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        yield request


def _default_credentials() -> "Callable[[], Credentials]":
    from botocore.session import get_session  # imported lazily: an optional package

    found = get_session().get_credentials()
    if found is None:
        raise ValueError("There are no AWS credentials: set AWS_PROFILE, or give SigV4 a function that returns some.")
    return lambda: found
