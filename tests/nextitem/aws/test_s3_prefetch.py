"""The first objects of a start are read ahead, and a failure of that changes nothing."""

from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer

from devstack.processes.children import LOOPBACK
from nextitem.aws import s3_prefetch
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.aws.object_store import ObstoreReader
from nextitem.aws.s3_prefetch import Prefetch, open_store, route_keys
from nextitem.errors import ObjectTooLarge, RegistryUnavailable
from nextitem.registry.availability import availability_key, last_good_key
from nextitem.registry.route import MAX_ROUTE_BYTES, route_key
from tests.nextitem.aws.header_server import HeaderServer
from tests.nextitem.parts import BUCKET, CREDENTIALS, REGION

KEYS = {name.upper(): str(value) for name, value in CREDENTIALS.items()}
NOWHERE = "http://127.0.0.1:1"
ROUTE, AVAILABILITY, LAST_GOOD = route_key("live"), availability_key("live"), last_good_key("live")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address=LOOPBACK, port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def environment(bucket: BotoObjectStore, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)  # obstore reads its keys there itself
    return {**KEYS, "NEXTITEM_BUCKET": BUCKET, "AWS_REGION": REGION, "AWS_ENDPOINT_URL_S3": endpoint}


def open_reader(environment: dict[str, str], prefetch: Prefetch) -> ObstoreReader:
    endpoint = environment["AWS_ENDPOINT_URL_S3"]
    return ObstoreReader(BUCKET, region=REGION, endpoint=endpoint, environment=environment, prefetch=prefetch)


def test_a_prefetched_object_is_taken_once(bucket: BotoObjectStore, environment: dict[str, str]) -> None:
    # GIVEN a prefetch of a route, which then changes
    assert bucket.create(ROUTE, b"first")
    first = bucket.read(ROUTE, MAX_ROUTE_BYTES)
    assert first is not None
    prefetch = Prefetch(environment)
    prefetched = [prefetch._reads[key]._thread for key in (ROUTE, AVAILABILITY, LAST_GOOD)]
    for thread in prefetched:
        thread.join()
    assert bucket.replace(ROUTE, b"second", first.etag)
    # WHEN it is read twice THEN it is the prefetched one, and then the new one
    reader = open_reader(environment, prefetch)
    assert [reader.read(ROUTE, MAX_ROUTE_BYTES) for _ in range(2)] == [first, bucket.read(ROUTE, MAX_ROUTE_BYTES)]
    assert reader.read(AVAILABILITY, MAX_ROUTE_BYTES) is None


def test_a_renewed_reader_takes_no_prefetched_object(bucket: BotoObjectStore, environment: dict[str, str]) -> None:
    # GIVEN a prefetched route, which then changes
    assert bucket.create(ROUTE, b"of the snapshot")
    prefetch = Prefetch(environment)
    prefetch._reads[ROUTE]._thread.join()
    old = bucket.read(ROUTE, MAX_ROUTE_BYTES)
    assert old is not None
    assert bucket.replace(ROUTE, b"of now", old.etag)
    # WHEN the reader is renewed, as after a restore THEN it reads the route of now
    reader = open_reader(environment, prefetch)
    reader.renew()
    assert reader.read(ROUTE, MAX_ROUTE_BYTES) == bucket.read(ROUTE, MAX_ROUTE_BYTES)


def test_a_renewed_reader_reads_named_objects_at_once(bucket: BotoObjectStore, environment: dict[str, str]) -> None:
    # GIVEN a reader that was renewed for a route, which changes once it was read
    assert bucket.create(ROUTE, b"of the restore")
    old = bucket.read(ROUTE, MAX_ROUTE_BYTES)
    reader = open_reader(environment, Prefetch(environment))
    reader.renew(route_keys("live"))
    assert reader._prefetch is not None
    for read in reader._prefetch._reads.values():
        read._thread.join()
    assert old is not None
    assert bucket.replace(ROUTE, b"of later", old.etag)
    # THEN the first read is that of the restore, and the next one asks the bucket
    assert reader.read(ROUTE, MAX_ROUTE_BYTES) == old
    assert reader.read(ROUTE, MAX_ROUTE_BYTES) == bucket.read(ROUTE, MAX_ROUTE_BYTES)
    # AND objects that are not there are read, too
    assert set(reader._prefetch._reads) == {*route_keys("live")} - {ROUTE}
    assert reader.read("availability/live.json", MAX_ROUTE_BYTES) is None


def test_only_the_configured_route_is_prefetched(bucket: BotoObjectStore, environment: dict[str, str]) -> None:
    assert bucket.create("routes/beta.json", b"beta")
    prefetch = Prefetch({**environment, "NEXTITEM_ROUTE": "beta"})
    assert (prefetch.take("routes/beta.json") or (b"", ""))[0] == b"beta"
    with pytest.raises(LookupError):
        prefetch.take(ROUTE)


def test_an_object_over_its_limit_is_not_prefetched(
    bucket: BotoObjectStore, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.create(ROUTE, b"route")
    monkeypatch.setattr(s3_prefetch, "MAX_PREFETCH_BYTES", 4)
    with pytest.raises(LookupError):
        Prefetch(environment).take(ROUTE)
    monkeypatch.setattr(s3_prefetch, "MAX_PREFETCH_BYTES", 5)
    with pytest.raises(ObjectTooLarge):  # the reader's own limit is lower
        open_reader(environment, Prefetch(environment)).read(ROUTE, 4)


@pytest.mark.parametrize("missing", ["NEXTITEM_BUCKET", "AWS_ACCESS_KEY_ID"])
def test_without_a_bucket_or_keys_nothing_is_prefetched(
    bucket: BotoObjectStore, environment: dict[str, str], missing: str
) -> None:
    assert bucket.create(ROUTE, b"route")
    prefetch = Prefetch({name: value for name, value in environment.items() if name != missing})
    assert prefetch.store is None
    assert open_reader(environment, prefetch).read(ROUTE, MAX_ROUTE_BYTES) == bucket.read(ROUTE, MAX_ROUTE_BYTES)


@pytest.mark.parametrize("name", ["NEXTITEM_BUCKET", "NEXTITEM_ROUTE", "AWS_REGION", "AWS_ENDPOINT_URL_S3"])
def test_with_a_setting_that_is_not_utf_8_nothing_is_prefetched(name: str) -> None:
    prefetch = Prefetch({**KEYS, "NEXTITEM_BUCKET": BUCKET, "AWS_ENDPOINT_URL_S3": NOWHERE, name: "a\udcff"})
    assert prefetch.store is None


def test_a_route_that_is_no_key_is_not_prefetched() -> None:
    prefetch = Prefetch({**KEYS, "NEXTITEM_BUCKET": BUCKET, "AWS_ENDPOINT_URL_S3": NOWHERE, "NEXTITEM_ROUTE": "a//b"})
    with pytest.raises(LookupError):
        prefetch.take("routes/a//b.json")


def test_a_failed_prefetch_is_reported_by_the_read(environment: dict[str, str]) -> None:
    prefetch = Prefetch({**environment, "NEXTITEM_BUCKET": "no-such-bucket"})
    reader = ObstoreReader(
        "no-such-bucket",
        region=REGION,
        endpoint=environment["AWS_ENDPOINT_URL_S3"],
        environment=environment,
        prefetch=prefetch,
    )
    with pytest.raises(RegistryUnavailable, match="cannot be read"):
        reader.read(ROUTE, MAX_ROUTE_BYTES)


@pytest.mark.parametrize("time", ["Sat, 01 Jan 12000 00:00:00 GMT", "Sat, 01 Jan 0000 00:00:00 GMT"])
def test_an_answer_with_an_impossible_header_is_no_missing_object(environment: dict[str, str], time: str) -> None:
    with HeaderServer({"Last-Modified": time}) as server:
        environment |= {"AWS_ENDPOINT_URL_S3": server.endpoint}
        prefetch = Prefetch(environment)
        with pytest.raises(LookupError):
            prefetch.take(AVAILABILITY)
        with pytest.raises(RegistryUnavailable):
            open_reader(environment, prefetch).read(AVAILABILITY, MAX_ROUTE_BYTES)


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"])
def test_an_empty_variable_is_no_endpoint(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "")
    assert open_store("models", "eu-central-1", None).config["bucket"] == "models"


@pytest.mark.parametrize("endpoint", [None, NOWHERE])
def test_a_bucket_is_opened_on_aws_and_at_other_endpoints(endpoint: str | None) -> None:
    store = open_store("models", "eu-central-1", endpoint)
    assert store.config["bucket"] == "models"
    assert store.config.get("endpoint") == endpoint
