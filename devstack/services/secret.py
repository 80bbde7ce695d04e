"""The key secret in Secrets Manager, which moto serves on the port of its S3."""

import json
from collections.abc import Mapping
from typing import Any

import boto3

from devstack.services.bucket import ACCESS_KEY, REGION

SECRET_ID = "nextitem-key-secret"  # noqa: S105 - its name


class Secret:
    """One secret at an endpoint (``http://host:port``)."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    @property
    def settings(self) -> dict[str, str]:
        """Environment variables that tell a function where the secret is."""
        return {"NEXTITEM_KEY_SECRET_ID": SECRET_ID, "AWS_ENDPOINT_URL_SECRETS_MANAGER": self._endpoint}

    def put(self, value: Mapping[str, str | float]) -> None:
        """Create the secret, or give it another value."""
        client: Any = boto3.client(
            "secretsmanager",
            endpoint_url=self._endpoint,
            region_name=REGION,
            # Explicit, so that boto3 does not look for the user's own credentials.
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=ACCESS_KEY,
        )
        try:
            text = json.dumps(dict(value))
            if client.list_secrets(Filters=[{"Key": "name", "Values": [SECRET_ID]}])["SecretList"]:
                client.put_secret_value(SecretId=SECRET_ID, SecretString=text)
            else:
                client.create_secret(Name=SECRET_ID, SecretString=text)
        finally:
            client.close()
