"""A small cloud on a moto server, and clients that reach it under AWS's names."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest

from devstack.processes.children import Children
from devstack.services.bucket import start_moto
from tests.devstack.cloud.aws_door.small_cloud import (
    BUCKET,
    ENCRYPTION,
    LOG_GROUP,
    OTHER_BUCKET,
    REGION,
    SECRET_TEXT,
    SmallCloud,
)


class Moto(NamedTuple):
    """A server with what the small cloud's deployment names."""

    endpoint: str
    secret_arn: str


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    with Children() as children:
        endpoint, _ = start_moto(children, tmp_path_factory.mktemp("moto"))
        access: Any = {
            "endpoint_url": endpoint,
            "region_name": REGION,
            "aws_access_key_id": "moto",
            "aws_secret_access_key": "moto",
        }
        clients: list[Any] = [boto3.client(name, **access) for name in ("s3", "secretsmanager", "logs")]
        s3, secrets, logs = clients
        for bucket in (BUCKET, OTHER_BUCKET):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        rules = [{"ApplyServerSideEncryptionByDefault": ENCRYPTION, "BucketKeyEnabled": True}]
        s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": rules})
        s3.put_object(Bucket=BUCKET, Key="models/a", Body=b"model a")
        s3.put_object(Bucket=OTHER_BUCKET, Key="models/a", Body=b"another")
        secret = secrets.create_secret(Name="key-secret", SecretString=SECRET_TEXT)
        logs.create_log_group(logGroupName=LOG_GROUP)
        for client in clients:
            client.close()
        yield Moto(endpoint, secret["ARN"])


@pytest.fixture
def cloud(moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallCloud]:
    with SmallCloud(moto.endpoint, moto.secret_arn, tmp_path) as cloud:
        monkeypatch.setattr(socket, "getaddrinfo", cloud.address_info)
        yield cloud
