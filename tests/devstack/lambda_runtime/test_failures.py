"""Every failure of a function is an error in Lambda's words, and the next call is served."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from devstack.lambda_runtime.invocation import PAYLOAD_LIMIT_BYTES
from tests.devstack.conftest import Toy, is_running
from tests.devstack.lambda_runtime.gate import PATIENCE_SECONDS, Gate

Serve = Callable[..., Toy]


def test_an_exception_is_the_callers_error_and_keeps_the_worker(serve: Serve) -> None:
    toy = serve(max_workers=1)
    pid = toy.call(do="describe")["pid"]
    error = toy.failure(do="raise", message="no such tea")

    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no such tea")
    assert toy.call(do="describe")["pid"] == pid


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"do": "exit", "code": 3}, "Runtime exited with error: exit status 3"),
        ({"do": "exit", "code": 0}, "Runtime exited without providing a reason"),
        ({"do": "die"}, "Runtime exited with error: signal: SIGKILL"),
    ],
)
def test_a_crash_is_the_callers_error_and_the_worker_is_replaced(
    serve: Serve, event: dict[str, object], message: str
) -> None:
    toy = serve()
    pid = toy.call(do="describe")["pid"]

    error = toy.failure(**event)

    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith(f"Error: {message}")
    assert toy.call(do="describe")["pid"] != pid


@pytest.mark.slow
def test_a_timeout_ends_the_worker(serve: Serve, gate: Gate) -> None:
    toy = serve(timeout_seconds=1.0)
    pid = toy.call(do="describe")["pid"]
    error = toy.failure(do="gate", gate=gate.port)
    assert error["errorType"] == "Sandbox.Timedout"
    assert error["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert not is_running(pid)
    assert toy.call(do="describe")["pid"] != pid


def test_a_queued_call_survives_the_death_of_the_worker(serve: Serve, gate: Gate) -> None:
    toy = serve(max_workers=1)
    with ThreadPoolExecutor(2) as callers:
        held = callers.submit(toy.failure, do="gate", gate=gate.port)
        visitor = gate.wait_for_visitor()
        waiting = callers.submit(toy.call, do="echo", tea="green")

        toy.served.retire_workers()  # a busy worker stays
        assert is_running(visitor.pid)
        visitor.kill()

        assert held.result(PATIENCE_SECONDS)["errorType"] == "Runtime.ExitError"
        assert waiting.result(PATIENCE_SECONDS) == {"do": "echo", "tea": "green"}


@pytest.mark.parametrize(
    ("handler", "error_type", "message"),
    [
        ("broken_import.handler", "Runtime.ImportModuleError", "there_is_no_such_module"),
        ("toy.no_such_handler", "Runtime.HandlerNotFound", "no_such_handler"),
        ("broken_init.handler", "Runtime.ExitError", "exit status 7"),
    ],
)
def test_a_failed_init_is_the_error_of_each_call(serve: Serve, handler: str, error_type: str, message: str) -> None:
    toy = serve(handler, max_workers=2)
    with ThreadPoolExecutor(3) as callers:
        calls = [callers.submit(toy.failure, do="echo") for _ in range(3)]
        errors = [call.result(PATIENCE_SECONDS) for call in calls]

    assert [error["errorType"] for error in errors] == [error_type] * 3
    assert all(message in error["errorMessage"] for error in errors)


def test_a_response_may_be_as_large_as_lambda_allows(serve: Serve) -> None:
    quotes = 2
    toy = serve()
    assert len(toy.call(do="grow", size=PAYLOAD_LIMIT_BYTES - quotes)) == PAYLOAD_LIMIT_BYTES - quotes


def test_a_larger_response_is_an_error(serve: Serve) -> None:
    toy = serve()

    error = toy.failure(do="grow", size=PAYLOAD_LIMIT_BYTES)

    assert error["errorType"] == "Function.ResponseSizeTooLarge"
    assert str(PAYLOAD_LIMIT_BYTES) in error["errorMessage"]
    assert toy.call(do="echo", tea="green") == {"do": "echo", "tea": "green"}
