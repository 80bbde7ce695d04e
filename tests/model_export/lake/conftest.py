"""A server, a bucket, and the lake between them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from devstack.processes.children import Children
from devstack.services.valkey import Valkey, start_valkey
from model_export.lake.valkey_streams import ValkeyStreams
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import BUCKET, CREDENTIALS, PATIENCE_SECONDS, REGION

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with Children() as children:
        yield start_valkey(children, tmp_path_factory.mktemp("valkey"))


@pytest.fixture(scope="module")
def store(valkey: Valkey) -> Iterator[ValkeyStore]:
    store = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=3600)
    yield store
    store.close()


@pytest.fixture(scope="module")
def streams(valkey: Valkey) -> Iterator[ValkeyStreams]:
    streams = ValkeyStreams(parse_store_url(valkey.url), batch=7)
    yield streams
    streams.close()


@pytest.fixture(scope="module")
def s3() -> Iterator["S3Client"]:
    with mock_aws():
        client = boto3.client("s3", region_name=REGION, **CREDENTIALS)
        yield client
        client.close()


@pytest.fixture
def lake(s3: "S3Client") -> Iterator[BotoObjectStore]:
    """An empty bucket."""
    s3.create_bucket(Bucket=BUCKET)
    lake = BotoObjectStore(BUCKET, s3)
    yield lake
    for key in lake.keys(""):
        lake.delete(key)
    s3.delete_bucket(Bucket=BUCKET)
