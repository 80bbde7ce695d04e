"""Whether answers hold items of the session: the request decides, else the route, else the deployment."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from devstack.services.valkey import Valkey
from nextitem.aws.boto_object_store import BotoObjectStore
from nextitem.redis_client.url import parse_store_url
from nextitem.registry.reader import Registry
from nextitem.service.router import Router
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import PATIENCE_SECONDS
from tests.nextitem.service.router_scene import TTL, Scene
from tests.nextitem.service.service import Service, items

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

A, B = "board-001", "care-024"
"""Items that the demo model knows."""


@pytest.fixture
def service(router: Router, valkey: Valkey) -> Iterator[Service]:
    store = ValkeyStore(parse_store_url(valkey.url), timeout=PATIENCE_SECONDS, ttl=3600)
    yield Service(router, store)
    store.close()


def test_a_request_decides_about_seen_items_before_route_and_deployment(
    service: Service, router: Router, me: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = items(service.append(me, A, B, limit=200))
    unseen = [item for item in everything if item not in {A, B}][:20]
    assert unseen != everything[:20]

    def asked(**options: Any) -> list[list[str]]:
        """The items of each operation, the events a retry of the same ones."""
        return [
            items(service.append(me, A, B, **options)),
            items(service.append(me, A, B, store=False, **options)),
            items(service.get(me, **options)),
            items(service.recommend(A, B, **options)),
        ]

    # GIVEN a route or a deployment that leaves out seen items
    monkeypatch.setattr(router, "_exclude_seen", True)
    # THEN every operation does so, unless the request says otherwise
    assert asked() == asked(exclude_seen=None) == asked(exclude_seen=True) == [unseen] * 4
    assert asked(exclude_seen=False) == [everything[:20]] * 4


@pytest.mark.parametrize("deployment", [True, False])
@pytest.mark.parametrize("route", [True, False, None])
@pytest.mark.slow
def test_the_route_decides_about_seen_items_before_the_deployment(
    bucket: BotoObjectStore, s3: "S3Client", demo: Path, tmp_path: Path, deployment: bool, route: bool | None
) -> None:
    scene = Scene(bucket, s3, demo, tmp_path)
    scene.promote(scene.first, exclude_seen=route)
    registry = Registry(scene.bucket, scene.folder / "models")
    router = Router(registry, "live", TTL, scene.faults.append, exclude_seen=deployment)
    router.load()
    expected = deployment if route is None else route
    assert router.model_for().exclude_seen is expected
    assert [routed.exclude_seen for routed in router.serving()] == [expected]
