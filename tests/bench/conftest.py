"""Example sessions of the demo model."""

import pytest

from devstack.publish import demo_artifact
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from tests.bench.chaos.example_session import LONG, Example, example_of


@pytest.fixture(scope="session")
def session() -> Example:
    return example_of(Model(open_artifact(demo_artifact())))


@pytest.fixture(scope="session")
def long_session(session: Example) -> Example:
    return example_of(session.model, LONG)
