"""Fixtures of this folder: the stack with default parameters."""

import pytest

from devstack.template.stack import Stack, deployed


@pytest.fixture(scope="session")
def stack() -> Stack:
    """The stack with default parameters."""
    return deployed()
