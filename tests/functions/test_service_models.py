"""Models are promoted and broken while the function runs."""

import hashlib
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest

from devstack.publish import demo_artifact
from devstack.services.bucket import ACCESS_KEY, REGION
from devstack.stack import Stack
from nextitem.model.engine import Model
from nextitem.model.manifest import CERTIFICATE, MANIFEST, SCHEMA, WEIGHTS, version_of
from nextitem.registry.reader import model_key
from nextitem.registry.route import Route, Variant, route_key
from tests.functions.client import PATIENT, Client, Reply, alike, named
from tests.functions.promoting import promote

pytestmark = pytest.mark.slow

HIKE = ["tent-008", "sleep-010", "stove-003"]
IMPATIENT = PATIENT | {"NEXTITEM_ROUTE_TTL_SECONDS": "0.02"}


def served(reply: Reply) -> Any:
    return reply.document["model"]["version"]


def variant(reply: Reply) -> Any:
    return reply.document.get("model", {}).get("variant")


def test_without_a_model_requests_get_503_until_one_is_promoted(tmp_path: Path) -> None:
    # GIVEN an empty registry
    with Stack(max_workers=1, settings=PATIENT) as stack:
        client = Client(stack)

        # WHEN requests need a model
        replies = [client.append("visitor", HIKE), client.get("visitor"), client.recommend([])]

        # THEN the answer is 503 with the time to try again
        for reply in [*replies, client.request("GET", "/v1/health")]:
            assert (reply.status, reply.headers["content-type"]) == (503, "application/problem+json")
            assert int(reply.headers["retry-after"]) > 0
            assert (reply.document["status"], "no model" in reply.document["detail"]) == (503, True)
        assert client.direct({"operation": "health"}) == replies[0].document
        # AND requests that need no model work
        assert client.delete("visitor").status == 204
        assert client.append("visitor", []).status == 422

        # WHEN a model is published THEN it is served, by the same worker
        version = promote(stack, demo_artifact(), tmp_path)
        reply = client.until(lambda: client.append("visitor", HIKE), lambda reply: reply.status != 503)
        assert (reply.status, reply.document["served_by"], served(reply)) == (200, "session", version)
        assert len(stack.cold_starts) == 1
        # AND the events refused before were not stored
        assert reply.document["session_length"] == 3


def test_a_promoted_version_takes_over_all_sessions(
    tmp_path: Path, other_artifact: Path, other_model: Model, model: Model
) -> None:
    with Stack(artifact=demo_artifact(), max_workers=1, settings=IMPATIENT) as stack:
        # GIVEN a session under one version
        client = Client(stack)
        for item_id in HIKE[:2]:
            assert served(client.append("visitor", [item_id])) == stack.version

        # WHEN another is promoted
        version = promote(stack, other_artifact, tmp_path)
        reply = client.until(lambda: client.get("visitor"), lambda reply: served(reply) != stack.version)

        # THEN the same worker serves it and replays the session's history with that version
        assert (served(reply), reply.document["session_length"], len(stack.cold_starts)) == (version, 2, 1)
        assert alike(reply.items, best(other_model, HIKE[:2]))
        # AND maps no file of the first version any longer
        client.until(lambda: client.recommend(HIKE), lambda _: deleted_maps(demo_artifact().name) == [])
        # AND later events continue from there
        reply = client.append("visitor", HIKE[2:])
        assert (served(reply), reply.document["session_length"]) == (version, 3)
        assert alike(reply.items, best(other_model, HIKE))

        # WHEN the first is promoted again THEN it replays the events since then
        promote(stack, demo_artifact(), tmp_path)
        reply = client.until(lambda: client.get("visitor"), lambda reply: served(reply) == stack.version)
        assert alike(reply.items, best(model, HIKE))
        # AND the process maps no file of the version that left the route
        client.until(lambda: client.recommend(HIKE), lambda _: deleted_maps(version) == [])


def deleted_maps(version: str) -> list[str]:
    """Return the deleted files of a version that this process's children still map."""
    maps = []
    for children in Path("/proc/self/task").glob("*/children"):
        for child in children.read_text().split():
            lines = Path("/proc", child, "maps").read_text().splitlines()
            maps += [line for line in lines if f"/nextitem/{version}/" in line and line.endswith("(deleted)")]
    return maps


def best(model: Model, items: list[str]) -> list[tuple[str, float]]:
    seen = model.vocabulary.indices(items)
    return named(model.top(model.replay(None, seen), (), 20, seen), model.vocabulary)


class Registry:
    """The registry's objects, for one who may write what no publisher would."""

    def __init__(self, stack: Stack) -> None:
        self._s3: Any = boto3.client(
            "s3",
            endpoint_url=stack.s3_endpoint,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=ACCESS_KEY,
        )
        self._bucket = stack.bucket

    def put(self, key: str, data: bytes) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=data)

    def drop(self, key: str) -> None:
        self._s3.delete_object(Bucket=self._bucket, Key=key)

    def upload(self, artifact: Path, *, schema: int = SCHEMA, certificate: bytes | None = None) -> str:
        """Put an artifact there, with another schema or certificate if wanted; returns the version that it then is."""
        contents = {file.name: file.read_bytes() for file in artifact.iterdir()}
        manifest = json.loads(contents[MANIFEST]) | {"schema": schema}
        contents[CERTIFICATE] = certificate or contents[CERTIFICATE]
        digest = {"sha256": hashlib.sha256(contents[CERTIFICATE]).hexdigest(), "size": len(contents[CERTIFICATE])}
        manifest["files"][CERTIFICATE] = digest
        if manifest != json.loads(contents[MANIFEST]):
            contents[MANIFEST] = json.dumps(manifest).encode()
        version = version_of(contents[MANIFEST])
        for name, content in contents.items():
            self.put(model_key(version, name), content)
        return version

    def go_live(self, version: str, variant: str = "main") -> None:
        route = Route(2, (Variant(variant, version, 1.0),), "2026-01-20T09:00:00+00:00")
        self.put(route_key("live"), msgspec.json.encode(route))

    def close(self) -> None:
        self._s3.close()


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(artifact=demo_artifact(), max_workers=1, settings=IMPATIENT) as stack:
        yield stack


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client(stack)


@pytest.fixture
def registry(stack: Stack, client: Client, other_artifact: Path) -> Iterator[Registry]:
    """The registry, with another version in it; in the end the function is seen to follow the demo model again."""
    registry = Registry(stack)
    registry.upload(other_artifact)
    yield registry
    mark = uuid.uuid4().hex  # shows that no look at an earlier route is still under way
    registry.go_live(demo_artifact().name, mark)
    client.until(lambda: client.recommend(HIKE), lambda reply: variant(reply) == mark)
    registry.close()


def damage(registry: Registry, how: str, artifact: Path) -> str:
    """Break a version in the registry; returns the one that is broken."""
    version, weights = artifact.name, (artifact / WEIGHTS).read_bytes()
    key = model_key(version, WEIGHTS)
    match how:
        case "damaged":
            registry.put(key, bytes([weights[0] ^ 1]) + weights[1:])
        case "truncated":
            registry.put(key, weights[:-1])
        case "incomplete":
            registry.drop(key)
        case "missing":
            version = "v0123456789abcdef"
        case "newer":
            version = registry.upload(artifact, schema=SCHEMA + 1)
        case "otherwise":  # than its certificate says: that of a model whose scores are three times as high
            certificate = json.loads((artifact / CERTIFICATE).read_bytes())
            for golden in certificate["sessions"]:
                golden["scores"] = [score * 3 for score in golden["scores"]]
            version = registry.upload(artifact, certificate=json.dumps(certificate).encode())
    return version


@pytest.mark.parametrize(
    ("how", "fault", "words"),
    [
        ("damaged", "ArtifactCorrupt", "damaged"),
        ("truncated", "ArtifactCorrupt", "bytes, its manifest says"),
        ("incomplete", "ArtifactCorrupt", f"lacks {WEIGHTS}"),
        ("missing", "VersionNotFound", "no version"),
        ("newer", "ArtifactUnsupported", f"this code reads {SCHEMA}"),
        ("otherwise", "ArtifactCorrupt", "its certificate says"),
    ],
)
def test_a_broken_version_leaves_the_old_one_serving(
    stack: Stack,
    client: Client,
    model: Model,
    registry: Registry,
    other_artifact: Path,
    how: str,
    fault: str,
    words: str,
) -> None:
    # GIVEN a function that serves
    assert served(client.recommend(HIKE)) == stack.version

    # WHEN a broken version is promoted, and the function has tried it
    broken = damage(registry, how, other_artifact)
    registry.go_live(broken)
    reply = client.until(lambda: client.recommend(HIKE), lambda _: bool(refusals(stack, words)))

    # THEN it serves the model that it has, and logs the reason
    assert (reply.status, served(reply)) == (200, stack.version)
    warning = refusals(stack, words)[0]
    assert (warning["level"], warning["fault"]) == ("WARNING", fault)
    assert broken in warning["detail"]
    # AND the log line has no item id
    catalogue = [model.vocabulary.item_id(index) for index in range(len(model.vocabulary))]
    assert [item_id for item_id in catalogue if item_id in warning["detail"]] == []


def test_a_start_with_a_broken_version_serves_the_last_good_one_until_it_is_repaired(
    stack: Stack, client: Client, registry: Registry, other_artifact: Path
) -> None:
    registry.go_live(damage(registry, "truncated", other_artifact))
    stack.retire_workers()

    reply = client.recommend(HIKE)
    assert (reply.status, served(reply)) == (200, stack.version)

    registry.upload(other_artifact)
    reply = client.until(lambda: client.recommend(HIKE), lambda reply: served(reply) != stack.version)
    assert (reply.status, served(reply)) == (200, other_artifact.name)


def refusals(stack: Stack, words: str) -> list[Any]:
    """Return the function's log lines about routes that it could not load."""
    lines = [json.loads(line) for line in stack.log_lines()]
    return [line for line in lines if line.get("message") == "background work failed" and words in line["detail"]]
