"""SnapStart: a worker is held where a snapshot would be taken, and an invocation restores it."""

import http.client
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from devstack.deployments import eventually
from devstack.processes.errors import FunctionFailed
from tests.devstack.conftest import Toy, is_running, process_state
from tests.devstack.lambda_runtime.gate import Gate

Serve = Callable[..., Toy]
HANDLER = "hooks.handler"


def test_a_prepared_worker_is_restored_by_the_first_call(serve: Serve) -> None:
    toy = serve(HANDLER, max_workers=1, snap_start=True)
    toy.served.prepare()
    assert toy.served.cold_starts == ()

    first, second = toy.call(), toy.call()
    assert first == second
    assert first["calls"] == ["init", "before", "after"]
    assert len(toy.served.cold_starts) == 1


def test_without_a_prepared_worker_a_call_starts_and_restores_one(serve: Serve) -> None:
    assert serve(HANDLER, snap_start=True).call()["calls"] == ["init", "before", "after"]


def test_on_demand_no_hook_is_called(serve: Serve) -> None:
    toy = serve(HANDLER)
    toy.served.prepare()
    assert toy.call()["calls"] == ["init"]


def test_each_call_restores_a_held_worker(serve: Serve, gate: Gate) -> None:
    toy = serve(max_workers=2, snap_start=True)
    for _ in range(2):
        toy.served.prepare()
    with ThreadPoolExecutor(2) as callers:
        calls = [callers.submit(toy.call, do="gate", gate=gate.port) for _ in range(2)]
        visitors = [gate.wait_for_visitor() for _ in range(2)]
        for visitor in visitors:
            visitor.let_pass()
        assert {call.result()["pid"] for call in calls} == {visitor.pid for visitor in visitors}
    assert [start.worker for start in toy.served.cold_starts] in ([1, 2], [2, 1])


def test_a_hook_that_fails_before_the_snapshot_fails_the_preparation(serve: Serve) -> None:
    toy = serve(HANDLER, snap_start=True, FAILING="before")
    with pytest.raises(FunctionFailed) as caught:
        toy.served.prepare()
    assert "the before hook fails" in str(caught.value)


def test_a_hook_that_fails_after_the_restore_is_the_callers_error(serve: Serve) -> None:
    toy = serve(HANDLER, snap_start=True, FAILING="after")
    toy.served.prepare()
    error = toy.failure()
    assert (error["errorType"], error["errorMessage"]) == ("RuntimeError", "the after hook fails")


def test_retiring_ends_held_workers_too(serve: Serve) -> None:
    toy = serve(snap_start=True)
    restored = toy.call(do="describe")["pid"]
    toy.served.prepare()
    toy.served.retire_workers()
    assert not is_running(restored)
    toy.call()
    assert [start.worker for start in toy.served.cold_starts] == [1, 3]


def test_variables_under_snapstart(serve: Serve) -> None:
    environment = serve(snap_start=True).call(do="describe")["environment"]
    assert environment["AWS_LAMBDA_INITIALIZATION_TYPE"] == "snap-start"
    assert environment.keys().isdisjoint({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"})


def test_the_credentials_provider_requires_its_token(serve: Serve, gate: Gate) -> None:
    toy = serve(snap_start=True)
    environment = toy.call(do="describe")["environment"]
    address = urlsplit(environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"])

    def answer(token: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(address.netloc, timeout=20)
        connection.request("GET", address.path, headers={"Authorization": token})
        response = connection.getresponse()
        status, body = response.status, response.read()
        connection.close()
        return status, body

    status, body = answer(environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"])
    assert (status, sorted(json.loads(body))) == (200, ["AccessKeyId", "Expiration", "SecretAccessKey", "Token"])
    assert answer("a guess") == (401, b"")


def test_a_frozen_worker_stands_still(serve: Serve) -> None:
    toy = serve(max_workers=1)
    pid = toy.call(do="describe")["pid"]
    with ThreadPoolExecutor(1) as callers:
        with toy.served.frozen():
            call = callers.submit(toy.call, do="describe")
            # A signal takes effect when its process runs next.
            eventually(lambda: process_state(pid) == "T", "the process has stopped")
            assert not call.done()
        assert call.result()["pid"] == pid
    assert process_state(pid) != "T"
