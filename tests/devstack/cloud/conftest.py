"""Fixtures of this folder: a region."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def region() -> Iterator[None]:
    """Set a region: the SAM transform derives the partition from it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        yield
