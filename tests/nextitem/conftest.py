"""Fixtures of the library's tests: a Valkey server, S3 in process, the demo model."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import moto.s3.urls
import pytest
from moto import mock_aws
from moto.s3.models import S3Backend

from devstack.processes.children import Children
from devstack.publish import demo_artifact
from devstack.services.valkey import Valkey, start_valkey
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.registry.publisher import Publisher
from nextitem.registry.reader import Registry
from nextitem.service.router import Router
from nextitem.sessions.session import SessionKey
from tests.nextitem.parts import BUCKET, CREDENTIALS, REGION, fresh_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SERVED = "served"
"""The bucket of `router`; `s3` does not empty it."""


@pytest.fixture(scope="session")
def children() -> Iterator[Children]:
    with Children() as children:
        yield children


@pytest.fixture(scope="session")
def valkey(children: Children, tmp_path_factory: pytest.TempPathFactory) -> Valkey:
    """A server for tests that neither stop nor clear it."""
    return start_valkey(children, tmp_path_factory.mktemp("valkey"))


@pytest.fixture
def key() -> SessionKey:
    """The key of a new session."""
    return fresh_key()


@pytest.fixture(scope="session")
def demo() -> Path:
    """The demo model's folder. Do not write to it."""
    return demo_artifact()


@pytest.fixture(scope="session")
def model(demo: Path) -> Model:
    return Model(open_artifact(demo))


@pytest.fixture(scope="module")
def s3_service() -> Iterator["S3Client"]:
    """S3 in process, per module: making a client takes longer than a test.

    moto imports its module of S3's addresses again, twice for each request, in case the environment has changed. Here
    it has not: a tenth of the time of the registry's tests.
    """
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(S3Backend, "_url_module", moto.s3.urls)
        client = boto3.client("s3", region_name=REGION, **CREDENTIALS)
        yield client
        client.close()


@pytest.fixture
def s3(s3_service: "S3Client") -> Iterator["S3Client"]:
    """S3 in process, with one empty bucket."""
    s3_service.create_bucket(Bucket=BUCKET)
    yield s3_service
    if left := s3_service.list_objects_v2(Bucket=BUCKET).get("Contents"):
        # One request: moto takes 20 ms for each.
        s3_service.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": entry["Key"]} for entry in left]})
    s3_service.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def bucket(s3: "S3Client") -> BotoObjectStore:
    """The bucket of `s3` as an object store."""
    return BotoObjectStore(BUCKET, s3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The registry's local folder; it does not exist yet."""
    return tmp_path / "models"


@pytest.fixture(scope="module")
def router(s3_service: "S3Client", demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Router:
    """A router that serves the demo model, for all of a module's tests."""
    s3_service.create_bucket(Bucket=SERVED)
    bucket, folder = BotoObjectStore(SERVED, s3_service), tmp_path_factory.mktemp("models")
    publisher = Publisher(bucket)
    publisher.promote(publisher.publish(demo), folder)
    router = Router(Registry(bucket, folder), "live", ttl=1e9, on_fault=lambda fault: pytest.fail(str(fault)))
    router.load()
    return router


@pytest.fixture
def me() -> str:
    """The id of a new visitor."""
    return uuid.uuid4().hex
