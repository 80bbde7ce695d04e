"""Fixtures of this folder: a region, and the stack with default parameters."""

from collections.abc import Iterator

import pytest

from devstack.template.stack import Stack, deployed


@pytest.fixture(scope="session", autouse=True)
def region() -> Iterator[None]:
    """Set a region: the SAM transform derives the partition from it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        yield


@pytest.fixture(scope="session")
def stack(region: None) -> Stack:
    """The stack with default parameters."""
    return deployed()
