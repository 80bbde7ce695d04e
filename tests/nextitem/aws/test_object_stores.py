"""Both object stores on S3: obstore against moto's server (it is Rust, so no mock reaches it), boto3 in process."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError
from moto.server import ThreadedMotoServer

from devstack.processes.children import LOOPBACK, free_port
from nextitem.aws import boto_object_store, object_store
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.aws.object_store import ObjectReader, ObjectStore, ObstoreReader
from nextitem.errors import RegistryUnavailable
from tests.nextitem.aws.header_server import HeaderServer
from tests.nextitem.aws.object_store_contract import KEY, MAX, ObjectReaderContract, ObjectStoreContract, Put
from tests.nextitem.parts import BUCKET, CREDENTIALS, REGION

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def put_with(client: "S3Client") -> Put:
    def put(key: str, data: bytes) -> None:
        client.put_object(Bucket=BUCKET, Key=key, Body=data)

    return put


@pytest.fixture
def impatient_client() -> Iterator["S3Client"]:
    """A client of a closed port."""
    client = boto3.client(
        "s3",
        region_name=REGION,
        endpoint_url=f"http://{LOOPBACK}:{free_port()}",
        config=Config(retries={"total_max_attempts": 1}),
        **CREDENTIALS,
    )
    yield client
    client.close()


class TestBotoObjectStore(ObjectReaderContract, ObjectStoreContract):
    @pytest.fixture
    def reader(self, bucket: BotoObjectStore) -> ObjectReader:
        return bucket

    @pytest.fixture
    def put(self, s3: "S3Client") -> Put:
        return put_with(s3)

    @pytest.fixture
    def unreachable(self, impatient_client: "S3Client") -> ObjectReader:
        return BotoObjectStore(BUCKET, impatient_client)

    @pytest.fixture
    def writer(self, bucket: BotoObjectStore) -> ObjectStore:
        return bucket

    @pytest.fixture
    def unreachable_writer(self, impatient_client: "S3Client") -> ObjectStore:
        return BotoObjectStore(BUCKET, impatient_client)

    def test_keys_of_all_pages_are_listed(self, bucket: BotoObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
        names = [f"key-{number}" for number in range(8)]
        for name in names:
            bucket.create(name, b"")
        assert bucket.keys("key-") == names

    @pytest.mark.parametrize(
        "headers", [{"ETag": None}, {"Content-Length": None}, {"Last-Modified": "Sat, 01 Jan 12000"}]
    )
    def test_an_answer_without_a_header_or_with_an_impossible_one_is_unavailable(
        self, headers: dict[str, str | None]
    ) -> None:
        with HeaderServer(headers) as server:
            client = boto3.client("s3", region_name=REGION, endpoint_url=server.endpoint, **CREDENTIALS)
            store = BotoObjectStore(BUCKET, client)
            with pytest.raises(RegistryUnavailable):
                store.read(KEY, MAX)
            client.close()

    def test_a_missing_bucket_is_unavailable(self, s3: "S3Client") -> None:
        missing = BotoObjectStore("another", s3)
        for verb in (
            lambda: missing.read("key", MAX),
            lambda: missing.create("key", b""),
            lambda: missing.replace("key", b"", '"tag"'),
            lambda: missing.keys(""),
        ):
            with pytest.raises(RegistryUnavailable, match=r"^bucket another "):
                verb()

    def test_without_a_client_the_usual_aws_settings_are_used(
        self, s3: "S3Client", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        BotoObjectStore(BUCKET, s3).create("key", b"tea")
        stored = BotoObjectStore(BUCKET).read("key", MAX)
        assert stored is not None
        assert stored.data == b"tea"


class TestUploadInParts:
    """Files over `SINGLE_PUT_BYTES`, with limits lowered so that a few bytes are a large file."""

    DATA = bytes(range(256)) * 10

    @pytest.fixture(autouse=True)
    def low_limits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(boto_object_store, "SINGLE_PUT_BYTES", 100)
        monkeypatch.setattr(boto_object_store, "PART_BYTES", 1000)
        monkeypatch.setattr("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 1)

    @pytest.fixture
    def large_file(self, tmp_path: Path) -> Path:
        path = tmp_path / "weights.bin"
        path.write_bytes(self.DATA)
        return path

    @pytest.fixture
    def client(self, s3: "S3Client") -> Iterator["S3Client"]:
        """A client of the same bucket whose event handlers end with the test."""
        client = boto3.client("s3", region_name=REGION, **CREDENTIALS)
        yield client
        # In every test: no part stays behind.
        assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)
        client.close()

    @pytest.mark.parametrize(("most_parts", "sent"), [(10_000, [1000, 2000, 2560]), (2, [1280, 2560])])
    def test_a_large_file_is_created_whole_and_only_once(
        self, client: "S3Client", large_file: Path, monkeypatch: pytest.MonkeyPatch, most_parts: int, sent: list[int]
    ) -> None:
        monkeypatch.setattr(boto_object_store, "MAX_PARTS", most_parts)
        progress: list[tuple[str, int, int]] = []
        store = BotoObjectStore(BUCKET, client, lambda *part: progress.append(part))
        assert store.create(KEY, large_file) is True
        assert store.create(KEY, large_file) is False
        stored = store.read(KEY, MAX)
        assert stored is not None
        assert stored.data == self.DATA
        assert progress == [(KEY, done, 2560) for done in sent]

    def test_a_key_taken_during_the_upload_is_not_overwritten(
        self, client: "S3Client", s3: "S3Client", large_file: Path
    ) -> None:
        def take_key(**_: object) -> None:
            s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"tea")

        store = BotoObjectStore(BUCKET, client)
        client.meta.events.register("before-call.s3.CompleteMultipartUpload", take_key)
        assert store.create(KEY, large_file) is False
        stored = store.read(KEY, MAX)
        assert stored is not None
        assert stored.data == b"tea"

    @pytest.mark.parametrize("operation", ["UploadPart", "CompleteMultipartUpload"])
    def test_an_upload_that_fails_leaves_nothing(self, client: "S3Client", large_file: Path, operation: str) -> None:
        def fail(**_: object) -> None:
            raise ConnectTimeoutError(endpoint_url="s3")

        client.meta.events.register(f"before-call.s3.{operation}", fail)
        with pytest.raises(RegistryUnavailable, match=KEY):
            BotoObjectStore(BUCKET, client).create(KEY, large_file)
        assert BotoObjectStore(BUCKET, client).keys("") == []


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address=LOOPBACK, port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class TestObstoreReader(ObjectReaderContract):
    @pytest.fixture(autouse=True)
    def credentials(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in CREDENTIALS.items():
            monkeypatch.setenv(name.upper(), str(value))

    @pytest.fixture
    def put(self, s3: "S3Client") -> Put:
        return put_with(s3)  # moto's server shares the state of this process

    @pytest.fixture
    def reader(self, endpoint: str) -> ObjectReader:
        return ObstoreReader(BUCKET, region=REGION, endpoint=endpoint)

    @pytest.fixture
    def unreachable(self) -> ObjectReader:
        return ObstoreReader(BUCKET, region=REGION, endpoint=f"http://{LOOPBACK}:{free_port()}")

    def test_the_entity_tag_equals_boto3s(self, reader: ObjectReader, bucket: BotoObjectStore) -> None:
        bucket.create("key", b"tea")
        assert reader.read("key", MAX) == bucket.read("key", MAX)

    def test_a_missing_bucket_is_unavailable(self, s3: "S3Client", endpoint: str, tmp_path: Path) -> None:
        missing = ObstoreReader("another", region=REGION, endpoint=endpoint)
        with pytest.raises(RegistryUnavailable, match="key"):
            missing.read("key", MAX)
        with pytest.raises(RegistryUnavailable, match="key"):
            missing.download("key", tmp_path / "file", lambda: MAX)

    @pytest.mark.parametrize("size", [1000, 1001, 2000, 2500])
    def test_a_large_object_is_downloaded_in_parts(
        self, reader: ObjectReader, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
    ) -> None:
        monkeypatch.setattr(object_store, "PART_BYTES", 1000)
        data = bytes(number % 251 for number in range(size))
        put(KEY, data)
        assert reader.download(KEY, tmp_path / "file", lambda: MAX) is True
        assert (tmp_path / "file").read_bytes() == data

    def test_a_missing_folder_is_an_error_and_not_a_missing_key(
        self, reader: ObjectReader, put: Put, tmp_path: Path
    ) -> None:
        put("key", b"tea")
        with pytest.raises(RegistryUnavailable, match="No such file"):
            reader.download("key", tmp_path / "nowhere" / "file", lambda: MAX)
