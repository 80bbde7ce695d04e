"""A write whose answer is lost finds out whether it happened, and a busy S3 is no refusal."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from bench.common.lossy_proxy import Fault, LossyProxy, Reply
from devstack.processes.children import LOOPBACK
from nextitem.aws import boto_object_store
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.errors import RegistryUnavailable
from nextitem.registry.publisher import Publisher
from tests.nextitem.parts import BUCKET, CREDENTIALS, REGION, another_version
from tests.nextitem.publishers import UnjudgedPublisher

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "models/v0123456789abcdef/weights.bin"
ATTEMPTS = 2
BUSY = Reply(
    409, b"<Error><Code>ConditionalRequestConflict</Code><Message>A conflicting operation occurred.</Message></Error>"
)
Write = Callable[[BotoObjectStore, Path], bool]


def create_bytes(store: BotoObjectStore, path: Path) -> bool:
    return store.create(KEY, path.read_bytes())


def create_file(store: BotoObjectStore, path: Path) -> bool:
    return store.create(KEY, path)


def create_in_parts(store: BotoObjectStore, path: Path) -> bool:
    path.write_bytes(path.read_bytes() * 10)
    return store.create(KEY, path)


def replace(store: BotoObjectStore, path: Path) -> bool:
    stored = store.read(KEY, 1000)
    return stored is not None and store.replace(KEY, path.read_bytes(), stored.etag)


WRITES = [create_bytes, create_file, create_in_parts, replace]


def is_write(method: str, path: str, _body: bytes) -> bool:
    """Match a PUT of an object, or the completion of an upload in parts."""
    return (method == "PUT" and "partNumber" not in path) or (method == "POST" and "uploadId" in path)


@pytest.fixture(scope="module")
def proxy() -> Iterator[LossyProxy]:
    server = ThreadedMotoServer(ip_address=LOOPBACK, port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with LossyProxy(f"http://{host}:{port}") as proxy:
        yield proxy
    server.stop()


@pytest.fixture
def store(s3: "S3Client", proxy: LossyProxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[BotoObjectStore]:
    """The bucket behind the proxy; a file of more than 100 bytes is uploaded in parts."""
    monkeypatch.setattr(boto_object_store, "SINGLE_PUT_BYTES", 100)
    monkeypatch.setattr(boto_object_store, "BUSY_SECONDS", (0.0, 0.0))
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    config = Config(retries={"mode": "standard", "total_max_attempts": ATTEMPTS})
    client = boto3.client("s3", region_name=REGION, endpoint_url=proxy.endpoint, config=config, **CREDENTIALS)
    yield BotoObjectStore(BUCKET, client)
    client.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"new content")
    return path


def put_before(s3: "S3Client", write: Write) -> None:
    if write is replace:
        s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"old content")


def content(s3: "S3Client") -> bytes:
    return s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read()


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(
    ("fault", "times"),
    [("lose answer", 1), ("lose answer", ATTEMPTS), ("lose request", 1), (BUSY, 1), (BUSY, 2)],
    ids=["an answer lost", "all answers lost", "a request lost", "busy", "busy twice"],
)
def test_a_write_succeeds(
    store: BotoObjectStore, s3: "S3Client", proxy: LossyProxy, file: Path, write: Write, fault: Fault, times: int
) -> None:
    put_before(s3, write)
    proxy.fail(fault, is_write, times)
    assert write(store, file) is True
    assert content(s3) == file.read_bytes()
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("fault", ["lose request", BUSY], ids=["lost", "busy"])
def test_a_write_that_never_arrives_is_unavailable(
    store: BotoObjectStore, s3: "S3Client", proxy: LossyProxy, file: Path, write: Write, fault: Fault
) -> None:
    put_before(s3, write)
    proxy.fail(fault, is_write, 100)
    with pytest.raises(RegistryUnavailable, match=KEY):
        write(store, file)
    proxy.fail(fault, is_write, 0)
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == (write is replace)


@pytest.mark.parametrize("write", WRITES)
def test_the_same_content_of_another_writer_is_not_ours(
    store: BotoObjectStore, s3: "S3Client", proxy: LossyProxy, file: Path, write: Write
) -> None:
    put_before(s3, write)

    def overtake(*request: object) -> bool:
        """Let another writer be faster by one attempt."""
        arrived = is_write(*request)  # type: ignore[arg-type]
        if arrived:
            BotoObjectStore(BUCKET, s3).create(KEY, file) or s3.put_object(
                Bucket=BUCKET, Key=KEY, Body=file.read_bytes()
            )
        return arrived

    proxy.fail("lose request", overtake, 1)
    assert write(store, file) is False


def test_an_unknown_result_says_so(store: BotoObjectStore, proxy: LossyProxy, s3: "S3Client") -> None:
    proxy.fail("lose answer", lambda *_: True, 100)
    with pytest.raises(RegistryUnavailable, match="whether it was written is unknown"):
        store.create(KEY, b"content")
    proxy.fail("lose answer", is_write, 0)


@pytest.mark.slow
def test_a_rollback_whose_answer_is_lost_goes_back_one_step(
    store: BotoObjectStore, bucket: BotoObjectStore, proxy: LossyProxy, demo: Path, tmp_path: Path
) -> None:
    # GIVEN three promotions WHEN the answers to all writes of a rollback are lost THEN it restored the second version
    publisher = UnjudgedPublisher(bucket)
    versions = [publisher.publish(another_version(demo, tmp_path / "made", seed)) for seed in (1, 2, 3)]
    for version in versions:
        publisher.promote(version, tmp_path / "models")
    proxy.fail("lose answer", is_write, 100)
    assert Publisher(store).rollback(tmp_path / "models").variants[0].version == versions[1]
    proxy.fail("lose answer", is_write, 0)
    live = publisher.current()
    assert live is not None
    assert (live.revision, live.variants[0].version) == (4, versions[1])
