"""One model for all tests of this folder."""

import pytest

from devstack.publish import demo_artifact
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from tests.bench.chaos.made_session import LONG, Story, story_of


@pytest.fixture(scope="session")
def story() -> Story:
    return story_of(Model(open_artifact(demo_artifact())))


@pytest.fixture(scope="session")
def long_story(story: Story) -> Story:
    return story_of(story.model, LONG)
