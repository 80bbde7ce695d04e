"""Keeps the objects of other tests out of the router's garbage collections."""

import gc

import pytest


@pytest.fixture(scope="module", autouse=True)
def _other_objects_are_frozen() -> None:
    gc.collect()
    gc.freeze()
