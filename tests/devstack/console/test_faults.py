"""The store of a running stack is killed, started again, and slowed down."""

import time
from collections.abc import Callable

import pytest
import redis

from devstack.console.faults import StoreFault, StoreState, set_store, store_state
from devstack.stack import Stack
from tests.devstack.conftest import FUNCTIONS, process_state


def store_pid(stack: Stack) -> int:
    with redis.Redis.from_url(stack.store_url) as store:
        return int(store.info("server")["process_id"])


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(4000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("the store's process does not change its state")


@pytest.mark.slow
def test_a_store_is_killed_started_and_slowed_down() -> None:
    with Stack(FUNCTIONS, handler="toy.handler", max_workers=1) as stack:
        # GIVEN a store that runs at full speed
        first = store_pid(stack)
        assert store_state(stack) == StoreState(runs=True, pause_ms=0)
        # WHEN it is killed, and killed again
        for _ in range(2):
            assert set_store(stack, StoreFault("kill")) == StoreState(runs=False, pause_ms=0)
        # THEN it can be started again at its address, and a running one stays as it is
        for _ in range(2):
            assert set_store(stack, StoreFault("start")) == StoreState(runs=True, pause_ms=0)
        second = store_pid(stack)
        assert second != first
        assert f"DEVSTACK_STORE_PID={second}" in (stack.directory / "exports.sh").read_text()
        # AND its process stops again and again while it is slow
        assert set_store(stack, StoreFault("slow", 50)) == StoreState(runs=True, pause_ms=50)
        wait_until(lambda: process_state(second) == "T")
        wait_until(lambda: process_state(second) != "T")
        # AND runs afterwards
        assert set_store(stack, StoreFault("slow", 0)) == StoreState(runs=True, pause_ms=0)
        assert store_pid(stack) == second
