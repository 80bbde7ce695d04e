"""What the tests of this folder share: a region, and the stack as the defaults make it."""

from collections.abc import Iterator

import pytest

from tests.template.stack import Stack, deployed


@pytest.fixture(scope="session", autouse=True)
def region() -> Iterator[None]:
    """The transform asks the environment which partition it is in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        yield


@pytest.fixture(scope="session")
def stack(region: None) -> Stack:
    """What the defaults deploy."""
    return deployed()
