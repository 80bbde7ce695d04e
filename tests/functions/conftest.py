"""One stack with the demo model for all tests of this folder that leave it as they found it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from devstack.container import Container
from devstack.publish import demo_artifact
from devstack.stack import Stack
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from tests.functions.client import PATIENT, Client, new_session
from tests.functions.other_model import write_other_model


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with Stack(artifact=demo_artifact(), max_workers=2, settings=PATIENT) as stack:
        yield stack


@pytest.fixture(scope="session")
def client(stack: Stack) -> Client:
    return Client(stack)


@pytest.fixture(scope="session")
def container(stack: Stack) -> Iterator[Container]:
    """The container entry point on the same bucket and store."""
    with Container(stack) as container:
        yield container


@pytest.fixture(scope="session", params=["lambda", "container"])
def client_of_either(request: pytest.FixtureRequest, stack: Stack) -> Client:
    """A client of each entry point in turn, for a module's own fixture `client`: its tests hold for both."""
    if request.param == "lambda":
        return Client(stack)
    container: Container = request.getfixturevalue("container")
    return Client(stack, url=container.url)


@pytest.fixture
def store(stack: Stack) -> Iterator[Any]:
    """The stack's Valkey."""
    with redis.Redis.from_url(stack.store_url) as store:
        yield store


@pytest.fixture
def session_id() -> str:
    return new_session()


@pytest.fixture(scope="session")
def model() -> Model:
    """The demo model, opened here: what the service should say."""
    return Model(open_artifact(demo_artifact()))


@pytest.fixture(scope="session")
def other_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another version for the demo model's catalogue, which ranks quite otherwise."""
    return write_other_model(demo_artifact(), tmp_path_factory.mktemp("other"))


@pytest.fixture(scope="session")
def other_model(other_artifact: Path) -> Model:
    return Model(open_artifact(other_artifact))
