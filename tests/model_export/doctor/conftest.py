"""A bucket with a live version, a session store, and the environment that leads to both."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from moto.server import ThreadedMotoServer

from devstack.processes.children import Children
from devstack.publish import demo_artifact
from devstack.services.valkey import Valkey, start_valkey
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.registry.publisher import Publisher
from tests.model_export.doctor.examined import BUCKET
from tests.nextitem.parts import CREDENTIALS, REGION

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef


@pytest.fixture(scope="package")
def children() -> Iterator[Children]:
    with Children() as children:
        yield children


@pytest.fixture(scope="package")
def valkey(children: Children, tmp_path_factory: pytest.TempPathFactory) -> Valkey:
    return start_valkey(children, tmp_path_factory.mktemp("valkey"))


@pytest.fixture(scope="package")
def s3() -> Iterator["S3Client"]:
    """S3 over HTTP."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name=REGION, **CREDENTIALS)
    yield client
    client.close()
    server.stop()


@pytest.fixture
def bucket(s3: "S3Client", tmp_path: Path) -> Iterator[BotoObjectStore]:
    """A bucket with versioning, whose route `live` has the demo model."""
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    bucket = BotoObjectStore(BUCKET, s3)
    publisher = Publisher(bucket)
    publisher.promote(publisher.publish(demo_artifact()), tmp_path / "published")
    yield bucket
    listing = s3.list_object_versions(Bucket=BUCKET)
    left = (*listing.get("Versions", ()), *listing.get("DeleteMarkers", ()))
    keys: list[ObjectIdentifierTypeDef] = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in left]
    s3.delete_objects(Bucket=BUCKET, Delete={"Objects": keys})
    s3.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Credentials of the tests' own, in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE", "AWS_DEFAULT_REGION", "NEXTITEM_STORE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tests")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "tests")
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("NEXTITEM_BUCKET", BUCKET)
    return monkeypatch
