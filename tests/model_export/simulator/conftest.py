"""A shop and its traffic, shared by all tests."""

import pytest

from model_export.simulator import Session, Shop


@pytest.fixture(scope="session")
def shop() -> Shop:
    return Shop()


@pytest.fixture(scope="session")
def traffic(shop: Shop) -> tuple[Session, ...]:
    return tuple(shop.sessions(22_000, seed=1))
