"""The document of a route: what is read is a route, or is refused."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.errors import ArtifactUnsupported, RegistryError, VersionNotFound
from nextitem.registry.reader import Registry, model_key
from nextitem.registry.route import MAX_VARIANTS, Route, Variant, decode_route, history_key, route_key
from tests.nextitem.parts import STEADY, VERSION

ROUTE = Route(3, (Variant("main", VERSION, 0.9), Variant("trial", "v" + "1" * 16, 0.1)), "2026-11-23T09:30:00+00:00")


def test_a_route_is_read_as_it_was_written(bucket: BotoObjectStore, folder: Path) -> None:
    bucket.create(route_key("live"), msgspec.json.encode(ROUTE))
    assert Registry(bucket, folder).route("live") == ROUTE
    with pytest.raises(VersionNotFound, match=r"routes/trial\.json"):
        Registry(bucket, folder).route("trial")


@pytest.mark.parametrize(
    ("exclude_seen", "words"), [(True, "left out"), (False, "not left out"), (None, "as the deployment says")]
)
def test_a_route_says_what_to_do_with_seen_items_or_does_not(exclude_seen: bool | None, words: str) -> None:
    route = msgspec.structs.replace(ROUTE, exclude_seen=exclude_seen)
    assert route.seen_items == words
    assert decode_route(msgspec.json.encode(route), route_key("live")) == route
    assert error_of(msgspec.json.encode(ROUTE).replace(b'"exclude_seen":null', b'"exclude_seen":"yes"')) is not None


def test_the_keys_are_those_of_the_documented_layout() -> None:
    assert model_key(VERSION, "step.onnx") == f"models/{VERSION}/step.onnx"
    assert route_key("live") == "routes/live.json"
    assert history_key("live", 12) == "routes/history/live/00000012.json"


@pytest.mark.parametrize(
    ("weights", "version"),
    [
        ([], VERSION),
        ([1.0] * (MAX_VARIANTS + 1), VERSION),
        ([0.0], VERSION),
        ([0.0, 0.0], VERSION),
        ([1.0, -0.5], VERSION),
        ([1e308, 1e308], VERSION),
        ([1.0], "latest"),
    ],
)
def test_a_route_without_versions_or_weights_is_refused(weights: list[float], version: str) -> None:
    variants = tuple(Variant("main", version, weight) for weight in weights)
    with pytest.raises(RegistryError, match=r"^routes/live\.json(: each version must be | must name )"):
        decode_route(msgspec.json.encode(msgspec.structs.replace(ROUTE, variants=variants)), route_key("live"))


def test_a_route_may_have_the_maximum_of_variants() -> None:
    variants = tuple(Variant(f"trial-{number}", VERSION, 1.0) for number in range(MAX_VARIANTS))
    route = msgspec.structs.replace(ROUTE, variants=variants)
    assert decode_route(msgspec.json.encode(route), route_key("live")) == route


@pytest.mark.parametrize(("revision", "restores"), [(0, None), (-1, None), (3, 0), (3, 4)])
def test_a_route_with_an_impossible_revision_is_refused(revision: int, restores: int | None) -> None:
    route = msgspec.structs.replace(ROUTE, revision=revision, restores=restores)
    with pytest.raises(
        RegistryError, match=rf"^routes/live\.json: revision is {revision}, .* restores is {restores}, "
    ):
        decode_route(msgspec.json.encode(route), route_key("live"))


def test_a_route_of_a_newer_schema_is_unsupported() -> None:
    with pytest.raises(ArtifactUnsupported, match=r"^routes/live\.json has schema 2"):
        decode_route(msgspec.json.encode(msgspec.structs.replace(ROUTE, schema=2)), route_key("live"))


def error_of(data: bytes) -> str | None:
    try:
        decode_route(data, route_key("live"))
    except RegistryError as error:
        return str(error)
    return None


def test_a_damaged_route_is_refused() -> None:
    data = msgspec.json.encode(ROUTE)
    cut = [error_of(data[:place]) for place in range(len(data))]
    damaged = [error_of(data[:place] + b"\xff" + data[place + 1 :]) for place in range(len(data))]

    # Damage to an optional field may go unnoticed.
    assert all(error and error.startswith("routes/live.json is not a route") for error in cut)
    assert {error.split(":")[0] for error in damaged if error} == {"routes/live.json is not a route"}
    assert damaged.count(None) == len("restores" + "exclude_seen" + "explore")


@STEADY
@given(st.binary(max_size=100))
def test_other_bytes_are_not_a_route(data: bytes) -> None:
    with pytest.raises(RegistryError, match=r"^routes/live\.json is not a route"):
        decode_route(data, route_key("live"))
