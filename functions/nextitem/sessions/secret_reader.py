"""Read the key secret from AWS Secrets Manager, in one request and without boto3 (decision 11).

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html. The secret's text is JSON,
`{"current": "…", "previous": "…", "rotated_at": epoch seconds, "lake": "…"}`. The last three are there only after a
rotation.
"""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime

from nextitem.aws.credentials import credentials_of
from nextitem.aws.sigv4 import Scope, authorization
from nextitem.errors import CredentialsUnavailable, SecretUnavailable
from nextitem.sessions.key_secret import KeySecret

TIMEOUT_SECONDS = 2.0
"""Timeout of each step: connecting, and waiting for the answer."""
_OK = 200


class SecretReader:
    """Reads one secret.

    Args:
        secret_id: its name or ARN.
        region: its AWS region.
        endpoint: another endpoint (may be ``http://…``), or None for AWS.
        environment: the variables with the AWS credentials; see `credentials`.
    """

    def __init__(
        self, secret_id: str, *, region: str, endpoint: str | None = None, environment: Mapping[str, str] = os.environ
    ) -> None:
        self._secret_id, self._region = secret_id, region
        from urllib.parse import urlsplit  # costs 5 ms at import: not for a secret in a variable

        self._endpoint = urlsplit(endpoint or f"https://secretsmanager.{region}.amazonaws.com")
        self._credentials = credentials_of(environment)

    def __call__(self) -> KeySecret:
        """Read the secret.

        Raises:
            SecretUnavailable: it cannot be read, or is not a key secret.
        """
        import http.client  # imported lazily: not needed for a secret in a variable

        secure = self._endpoint.scheme == "https"
        connection_class = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = connection_class(self._endpoint.netloc, timeout=TIMEOUT_SECONDS)
        body = json.dumps({"SecretId": self._secret_id}).encode()
        try:
            connection.request("POST", "/", body, self._signed_headers(body))
            response = connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException, CredentialsUnavailable) as error:
            raise SecretUnavailable(f"the key secret cannot be read: {error}") from error
        except ValueError:  # its text quotes the session token
            raise SecretUnavailable(
                "the key secret cannot be read: the credentials cannot be sent as headers"
            ) from None
        finally:
            connection.close()
        if response.status != _OK:
            name = response.getheader("x-amzn-errortype") or _error_type(text) or f"status {response.status}"
            raise SecretUnavailable(f"the key secret cannot be read: Secrets Manager says {name}")
        return _decode(text)

    def _signed_headers(self, body: bytes) -> dict[str, str]:
        credentials = self._credentials()
        scope = Scope(datetime.now(UTC), self._region, "secretsmanager")
        headers = {
            "content-type": "application/x-amz-json-1.1",
            "host": self._endpoint.netloc,
            "x-amz-date": scope.timestamp,
            "x-amz-target": "secretsmanager.GetSecretValue",
        }
        if credentials.session_token:
            headers["x-amz-security-token"] = credentials.session_token
        signed = authorization(credentials.access_key_id, credentials.secret_access_key, scope, headers, body)
        return {**headers, "authorization": signed}


def _error_type(text: bytes) -> str:
    """Return an error's name (``ResourceNotFoundException``), or "" if there is none. Its text is never reported."""
    try:
        name = str(json.loads(text)["__type"]).rpartition("#")[2]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return name if name.isidentifier() else ""


def _decode(text: bytes) -> KeySecret:
    try:
        secret = json.loads(json.loads(text)["SecretString"])
        return KeySecret.of(secret["current"], secret.get("previous"), secret.get("rotated_at"), secret.get("lake"))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        # The error's text is left out: it may quote the secret.
        raise SecretUnavailable(f"the key secret is invalid: {type(error).__name__}") from None
