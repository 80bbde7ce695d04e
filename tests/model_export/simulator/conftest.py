"""One shop and one body of traffic, made once for all tests that only read them."""

import pytest

from model_export.simulator import Session, Shop


@pytest.fixture(scope="session")
def shop() -> Shop:
    return Shop()


@pytest.fixture(scope="session")
def traffic(shop: Shop) -> tuple[Session, ...]:
    return tuple(shop.sessions(22_000, seed=1))
