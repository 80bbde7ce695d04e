"""A real browser, which also the tests of the shop use."""

from tests.devstack.console.conftest import browser

__all__ = ["browser"]
