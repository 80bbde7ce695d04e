"""The document of a route: what is read is a route, or is refused."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.errors import ArtifactUnsupported, RegistryError, VersionNotFound
from nextitem.registry.experiment import Experiment
from nextitem.registry.reader import Registry, model_key
from nextitem.registry.route import Route, Variant, decode_route, history_key, route_key, without_experiment
from tests.nextitem.parts import STEADY, VERSION

CHANGED = "2026-11-23T09:30:00+00:00"
EXPERIMENT = Experiment("e0123456789ab", "interleaving", "0123456789abcdef", CHANGED)
PLAIN = Route(2, (Variant("main", VERSION, 1.0),), CHANGED)
ROUTE = Route(
    3, (Variant("main", VERSION, 0.9), Variant("challenger", "v" + "1" * 16, 0.1)), CHANGED, experiment=EXPERIMENT
)


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


OTHER = "v" + "1" * 16


@pytest.mark.parametrize(
    "variants",
    [
        [],
        [("main", VERSION, 0.0)],
        [("main", VERSION, 0.9)],
        [("main", VERSION, 2.0)],
        [("main", "latest", 1.0)],
        [("main", VERSION, 0.5), ("challenger", OTHER, 0.5)],
    ],
)
def test_a_route_without_an_experiment_names_one_version_with_all_sessions(
    variants: list[tuple[str, str, float]],
) -> None:
    route = msgspec.structs.replace(PLAIN, variants=tuple(Variant(*variant) for variant in variants))
    with pytest.raises(RegistryError, match=r"^routes/live\.json(: each version must be | must name one version, or )"):
        decode_route(msgspec.json.encode(route), route_key("live"))


@pytest.mark.parametrize(
    "variants",
    [
        [("main", VERSION, 1.0)],
        [("main", VERSION, 0.5), ("main", OTHER, 0.5)],
        [("main", VERSION, 0.5), ("challenger", VERSION, 0.5)],
        [("main", VERSION, 0.5), ("trial", OTHER, 0.5)],
        [("main", VERSION, 0.5), ("challenger", "latest", 0.5)],
        [("main", VERSION, 0.5), ("challenger", OTHER, 0.6)],
        [("main", VERSION, 1.5), ("challenger", OTHER, -0.5)],
        [("main", VERSION, 1e308), ("challenger", OTHER, 1e308)],
        [("main", VERSION, 0.4), ("challenger", OTHER, 0.3), ("trial", "v" + "2" * 16, 0.3)],
    ],
)
def test_a_route_with_an_experiment_names_two_versions_that_share_the_sessions(
    variants: list[tuple[str, str, float]],
) -> None:
    route = msgspec.structs.replace(ROUTE, variants=tuple(Variant(*variant) for variant in variants))
    with pytest.raises(RegistryError, match=r"^routes/live\.json(: | must name one version, or with an exp)"):
        decode_route(msgspec.json.encode(route), route_key("live"))


def test_both_variants_of_a_route_under_one_name_are_refused() -> None:
    variants = tuple(msgspec.structs.replace(variant, variant="main") for variant in ROUTE.variants)
    experiment = msgspec.structs.replace(EXPERIMENT, challenger="main")
    route = msgspec.structs.replace(ROUTE, variants=variants, experiment=experiment)
    with pytest.raises(RegistryError, match="two under two names"):
        decode_route(msgspec.json.encode(route), route_key("live"))


def test_a_route_knows_its_champion_and_its_challenger() -> None:
    assert (ROUTE.champion, ROUTE.challenger) == ROUTE.variants
    assert (PLAIN.champion, PLAIN.challenger) == (PLAIN.variants[0], None)
    assert without_experiment(PLAIN) == PLAIN
    assert without_experiment(ROUTE) == msgspec.structs.replace(PLAIN, revision=3)
    turned = msgspec.structs.replace(ROUTE, variants=ROUTE.variants[::-1])
    assert (turned.champion, turned.challenger) == ROUTE.variants


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
    data = msgspec.json.encode(PLAIN)
    cut = [error_of(data[:place]) for place in range(len(data))]
    damaged = [error_of(data[:place] + b"\xff" + data[place + 1 :]) for place in range(len(data))]

    # Damage to an optional field may go unnoticed.
    assert all(error and error.startswith("routes/live.json is not a route") for error in cut)
    assert {error.split(":")[0] for error in damaged if error} == {"routes/live.json is not a route"}
    assert damaged.count(None) == len("restores" + "exclude_seen" + "explore" + "experiment")
    assert all(error_of(whole[:place]) for whole in [msgspec.json.encode(ROUTE)] for place in range(len(whole)))


@STEADY
@given(st.binary(max_size=100))
def test_other_bytes_are_not_a_route(data: bytes) -> None:
    with pytest.raises(RegistryError, match=r"^routes/live\.json is not a route"):
        decode_route(data, route_key("live"))
