"""Both buckets on S3: obstore's against moto's server (it is Rust, no mock reaches it), boto3's in process."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from devstack.processes.children import LOOPBACK, free_port
from nextitem.aws.boto_object_store import BotoBucket
from nextitem.aws.object_store import Bucket, ObstoreBucket, ReadBucket
from nextitem.errors import RegistryUnavailable
from tests.nextitem.aws.object_store_contract import BucketContract, Put, ReadBucketContract
from tests.nextitem.parts import BUCKET, CREDENTIALS, REGION

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def put_with(client: "S3Client") -> Put:
    def put(key: str, data: bytes) -> None:
        client.put_object(Bucket=BUCKET, Key=key, Body=data)

    return put


@pytest.fixture
def impatient_client() -> Iterator["S3Client"]:
    """A client of a port where nobody listens."""
    client = boto3.client(
        "s3",
        region_name=REGION,
        endpoint_url=f"http://{LOOPBACK}:{free_port()}",
        config=Config(retries={"total_max_attempts": 1}),
        **CREDENTIALS,
    )
    yield client
    client.close()


class TestBotoBucket(ReadBucketContract, BucketContract):
    @pytest.fixture
    def reader(self, bucket: BotoBucket) -> ReadBucket:
        return bucket

    @pytest.fixture
    def put(self, s3: "S3Client") -> Put:
        return put_with(s3)

    @pytest.fixture
    def unreachable(self, impatient_client: "S3Client") -> ReadBucket:
        return BotoBucket(BUCKET, impatient_client)

    @pytest.fixture
    def writer(self, bucket: BotoBucket) -> Bucket:
        return bucket

    @pytest.fixture
    def unreachable_writer(self, impatient_client: "S3Client") -> Bucket:
        return BotoBucket(BUCKET, impatient_client)

    def test_keys_come_from_every_page(self, bucket: BotoBucket, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
        names = [f"key-{number}" for number in range(8)]
        for name in names:
            bucket.create(name, b"")
        assert bucket.keys("key-") == names

    def test_a_bucket_that_is_not_there_says_so(self, s3: "S3Client") -> None:
        missing = BotoBucket("another", s3)
        for verb in (
            lambda: missing.read("key"),
            lambda: missing.create("key", b""),
            lambda: missing.replace("key", b"", '"tag"'),
            lambda: missing.keys(""),
        ):
            with pytest.raises(RegistryUnavailable, match=r"^bucket another "):
                verb()

    def test_without_a_client_the_usual_settings_count(self, s3: "S3Client", monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        BotoBucket(BUCKET, s3).create("key", b"tea")
        stored = BotoBucket(BUCKET).read("key")
        assert stored is not None
        assert stored.data == b"tea"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address=LOOPBACK, port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class TestObstoreBucket(ReadBucketContract):
    @pytest.fixture(autouse=True)
    def credentials(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in CREDENTIALS.items():
            monkeypatch.setenv(name.upper(), str(value))

    @pytest.fixture
    def put(self, s3: "S3Client") -> Put:
        return put_with(s3)  # the server serves what this process has

    @pytest.fixture
    def reader(self, endpoint: str) -> ReadBucket:
        return ObstoreBucket(BUCKET, region=REGION, endpoint=endpoint)

    @pytest.fixture
    def unreachable(self) -> ReadBucket:
        return ObstoreBucket(BUCKET, region=REGION, endpoint=f"http://{LOOPBACK}:{free_port()}")

    def test_the_tag_is_boto_s(self, reader: ReadBucket, bucket: BotoBucket) -> None:
        bucket.create("key", b"tea")
        assert reader.read("key") == bucket.read("key")

    def test_a_bucket_that_is_not_there_says_so(self, s3: "S3Client", endpoint: str, tmp_path: Path) -> None:
        missing = ObstoreBucket("another", region=REGION, endpoint=endpoint)
        with pytest.raises(RegistryUnavailable, match="key"):
            missing.read("key")
        with pytest.raises(RegistryUnavailable, match="key"):
            missing.download("key", tmp_path / "file")

    def test_a_folder_that_is_not_there_is_no_missing_key(self, reader: ReadBucket, put: Put, tmp_path: Path) -> None:
        put("key", b"tea")
        with pytest.raises(RegistryUnavailable, match="No such file"):
            reader.download("key", tmp_path / "nowhere" / "file")
