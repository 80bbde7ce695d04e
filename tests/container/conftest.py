"""The demo model, opened here: what the service should say."""

import pytest

from devstack.publish import demo_artifact
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model


@pytest.fixture(scope="session")
def model() -> Model:
    return Model(open_artifact(demo_artifact()))
