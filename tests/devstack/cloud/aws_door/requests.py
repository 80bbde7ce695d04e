"""Requests of tests: what is refused, and objects that are read."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from devstack.cloud.iam.authority import Credentials
from tests.devstack.cloud.aws_door.small_cloud import BUCKET, SmallCloud


def refusal(call: Callable[[], Any]) -> tuple[str, str]:
    """Return the code and message of a call that must be refused."""
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def get(cloud: SmallCloud, credentials: Credentials, key: str = "models/a", bucket: str = BUCKET) -> bytes:
    """Return an object that a boto3 client with these credentials reads."""
    body: bytes = cloud.client("s3", credentials).get_object(Bucket=bucket, Key=key)["Body"].read()
    return body
