"""The browser of the console's tests."""

from tests.devstack.console.conftest import browser

__all__ = ["browser"]
