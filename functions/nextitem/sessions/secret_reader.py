"""The key secret from AWS Secrets Manager, in one request without boto3. Knows no session.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html. The secret's text is JSON:
`{"current": "…", "previous": "…", "rotated_at": epoch seconds}`, the last two only after a rotation.
"""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime

from nextitem.aws.credentials import credentials_of
from nextitem.aws.sigv4 import Scope, authorization
from nextitem.errors import CredentialsUnavailable, SecretUnavailable
from nextitem.sessions.key_secret import KeySecret

ASK_SECONDS = 2.0
"""For one step of asking: connecting, or waiting for the answer."""
_OK = 200


class SecretReader:
    """Reads one secret.

    Args:
        secret_id: its name or ARN.
        region: its AWS region.
        endpoint: another endpoint than AWS's (``http://…`` is allowed then), or None.
        environment: where the function's AWS credentials are, see `credentials`.
    """

    def __init__(
        self, secret_id: str, *, region: str, endpoint: str | None = None, environment: Mapping[str, str] = os.environ
    ) -> None:
        self._secret_id, self._region = secret_id, region
        from urllib.parse import urlsplit  # with what it imports 5 ms, which a secret in the environment need not cost

        self._endpoint = urlsplit(endpoint or f"https://secretsmanager.{region}.amazonaws.com")
        self._credentials = credentials_of(environment)

    def __call__(self) -> KeySecret:
        """Return the secret as it is now.

        Raises:
            SecretUnavailable: it cannot be read, or is not what a key secret is.
        """
        import http.client  # not before it is needed: a secret in a variable needs none

        secure = self._endpoint.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(self._endpoint.netloc, timeout=ASK_SECONDS)
        body = json.dumps({"SecretId": self._secret_id}).encode()
        try:
            connection.request("POST", "/", body, self._signed(body))
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException, CredentialsUnavailable) as error:
            raise SecretUnavailable(f"the key secret cannot be read: {error}") from error
        finally:
            connection.close()
        if answer.status != _OK:
            said = answer.getheader("x-amzn-errortype") or _error_type(text) or f"status {answer.status}"
            raise SecretUnavailable(f"the key secret cannot be read: Secrets Manager says {said}")
        return _decoded(text)

    def _signed(self, body: bytes) -> dict[str, str]:
        one = self._credentials()
        scope = Scope(datetime.now(UTC), self._region, "secretsmanager")
        headers = {
            "content-type": "application/x-amz-json-1.1",
            "host": self._endpoint.netloc,
            "x-amz-date": scope.second,
            "x-amz-target": "secretsmanager.GetSecretValue",
        }
        if one.session_token:
            headers["x-amz-security-token"] = one.session_token
        signed = authorization(one.access_key_id, one.secret_access_key, scope, headers, body)
        return {**headers, "authorization": signed}


def _error_type(text: bytes) -> str:
    """Return the name of an error (``ResourceNotFoundException``), which is all that is told of it, or nothing."""
    try:
        name = str(json.loads(text)["__type"]).rpartition("#")[2]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return name if name.isidentifier() else ""


def _decoded(text: bytes) -> KeySecret:
    try:
        told = json.loads(json.loads(text)["SecretString"])
        return KeySecret.of(told["current"], told.get("previous"), told.get("rotated_at"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        # Never what a parser quotes: it may be the secret.
        raise SecretUnavailable(f"the key secret makes no sense: {type(error).__name__}") from None
