"""The transformed stack, made once for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.template.stack import Stack, transformed_stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        yield transformed_stack()
