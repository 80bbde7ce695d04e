"""A store of each kind behind a door, and the function's own client of it."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.valkey_store import ValkeyStore
from tests.devstack.cloud.store_door.scene import StoreScene
from tests.nextitem.parts import PATIENCE_SECONDS

KINDS = ("serverless", "nodes")
Connect = Callable[..., ValkeyStore]


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, StoreScene]]:
    with (
        StoreScene("serverless", tmp_path_factory.mktemp("serverless")) as serverless,
        StoreScene("nodes", tmp_path_factory.mktemp("nodes")) as nodes,
    ):
        yield {"serverless": serverless, "nodes": nodes}


@pytest.fixture(params=KINDS)
def scene(request: pytest.FixtureRequest, scenes: dict[str, StoreScene], monkeypatch: pytest.MonkeyPatch) -> StoreScene:
    """A kind of store, reached under its own name, with the function's credentials in the environment."""
    scene = scenes[request.param]
    scene.restore()
    use(scene, monkeypatch)
    credentials = scene.credentials()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", credentials.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", credentials.session_token)
    return scene


def use(scene: StoreScene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the scene's host name lead to its door."""
    look_up = socket.getaddrinfo

    def address_info(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        return look_up(scene.address if host == scene.host else host, port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", address_info)


@pytest.fixture
def connect(scene: StoreScene) -> Iterator[Connect]:
    """Connect as the function does, to its URL or another one."""
    stores = []

    def connect_to(url: str | None = None, region: str = "eu-central-1") -> ValkeyStore:
        trusting = f"{url or scene.url}&ssl_ca_certs={scene.trusted}"
        store = ValkeyStore(parse_store_url(trusting), timeout=PATIENCE_SECONDS, ttl=60, region=region)
        stores.append(store)
        return store

    yield connect_to
    for store in stores:
        store.close()
