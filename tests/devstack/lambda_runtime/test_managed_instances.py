"""Lambda Managed Instances: one worker has several processes, each with an invocation of its own."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from devstack.deployments import eventually
from devstack.processes.errors import FunctionFailed
from tests.devstack.conftest import Toy, has_stopped, have_ended
from tests.devstack.lambda_runtime.gate import PATIENCE_SECONDS, Gate, Visitor

Serve = Callable[..., Toy]
SHORT_SECONDS = 1.0
"""Timeout of a function that is to reach it."""


@pytest.fixture
def callers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as callers:
        yield callers


def pass_gate(toy: Toy, gate: Gate, callers: ThreadPoolExecutor, count: int) -> list[Visitor]:
    """Make concurrent calls that pass the gate, and return their visitors."""
    calls = [callers.submit(toy.call, do="gate", gate=gate.port) for _ in range(count)]
    visitors = [gate.wait_for_visitor() for _ in range(count)]
    for visitor in visitors:
        visitor.let_pass()
    assert {call.result(PATIENCE_SECONDS)["pid"] for call in calls} == {visitor.pid for visitor in visitors}
    return visitors


def test_one_worker_runs_several_calls_at_once(serve: Serve, gate: Gate, callers: ThreadPoolExecutor) -> None:
    toy = serve(max_workers=1, concurrency=3)
    calls = [callers.submit(toy.call, do="gate", gate=gate.port) for _ in range(4)]
    three = [gate.wait_for_visitor() for _ in range(3)]

    assert len({visitor.pid for visitor in three}) == 3
    assert not gate.has_another_visitor()
    three[0].let_pass()
    fourth = gate.wait_for_visitor()
    assert fourth.pid == three[0].pid
    for visitor in (*three[1:], fourth):
        visitor.let_pass()
    assert sorted(call.result(PATIENCE_SECONDS)["pid"] for call in calls) == sorted(
        visitor.pid for visitor in (*three, fourth)
    )
    assert len(toy.served.cold_starts) == 1


def test_more_calls_than_processes_start_another_worker(serve: Serve, gate: Gate, callers: ThreadPoolExecutor) -> None:
    toy = serve(max_workers=5, concurrency=2)
    assert len({visitor.pid for visitor in pass_gate(toy, gate, callers, 4)}) == 4
    assert len(toy.served.cold_starts) == 2


def test_processes_share_a_directory_and_know_their_number(
    serve: Serve, gate: Gate, callers: ThreadPoolExecutor
) -> None:
    toy = serve(max_workers=1, concurrency=2)
    both = {visitor.pid for visitor in pass_gate(toy, gate, callers, 2)}
    environments: dict[int, dict[str, str]] = {}
    while environments.keys() != both:
        answers = [call.result() for call in [callers.submit(toy.call, do="describe") for _ in range(4)]]
        environments |= {answer["pid"]: answer["environment"] for answer in answers}

    first, second = environments.values()
    assert first["AWS_LAMBDA_MAX_CONCURRENCY"] == "2"
    assert first["AWS_LAMBDA_INITIALIZATION_TYPE"] == "lambda-managed-instances"
    assert first["NEXTITEM_MODEL_DIR"] == second["NEXTITEM_MODEL_DIR"]
    assert first["TMPDIR"] == second["TMPDIR"]


@pytest.mark.slow
def test_the_death_of_a_process_fails_its_call(serve: Serve, gate: Gate, callers: ThreadPoolExecutor) -> None:
    toy = serve(max_workers=1, concurrency=2, timeout_seconds=5)
    pass_gate(toy, gate, callers, 2)
    lucky = callers.submit(toy.call, do="gate", gate=gate.port)
    left = gate.wait_for_visitor()
    unlucky = callers.submit(toy.failure, do="gate", gate=gate.port)
    doomed = gate.wait_for_visitor()

    doomed.kill()
    left.let_pass()
    assert lucky.result(PATIENCE_SECONDS) == {"pid": left.pid}
    assert {toy.call(do="describe")["pid"] for _ in range(5)} == {left.pid}
    assert unlucky.result(PATIENCE_SECONDS)["errorType"] == "Sandbox.Timedout"
    assert len(toy.served.cold_starts) == 1

    assert toy.failure(do="die")["errorType"] == "Runtime.ExitError"
    assert toy.call(do="describe")["pid"] != left.pid
    assert len(toy.served.cold_starts) == 2


def test_the_death_of_a_waiting_process_fails_no_call(serve: Serve, gate: Gate, callers: ThreadPoolExecutor) -> None:
    toy = serve(max_workers=1, concurrency=2)
    doomed, left = pass_gate(toy, gate, callers, 2)
    os.kill(doomed.pid, signal.SIGKILL)
    eventually(lambda: have_ended(doomed.pid), "the process has ended")

    calls = [callers.submit(toy.call, do="gate", gate=gate.port) for _ in range(2)]
    for _ in calls:
        visitor = gate.wait_for_visitor()
        assert visitor.pid == left.pid
        visitor.let_pass()
    assert {call.result(PATIENCE_SECONDS)["pid"] for call in calls} == {left.pid}
    assert len(toy.served.cold_starts) == 1


def test_a_call_that_a_dead_process_had_not_read_is_assigned_again(
    serve: Serve, gate: Gate, callers: ThreadPoolExecutor
) -> None:
    # GIVEN two waiting processes, one of them stopped, and a call for each
    toy = serve(max_workers=1, concurrency=2)
    doomed, left = pass_gate(toy, gate, callers, 2)
    os.kill(doomed.pid, signal.SIGSTOP)
    eventually(lambda: has_stopped(doomed.pid), "the process has stopped")
    calls = [callers.submit(toy.call, do="gate", gate=gate.port) for _ in range(2)]
    visitor = gate.wait_for_visitor()
    assert visitor.pid == left.pid
    assert not gate.has_another_visitor()

    # WHEN the stopped one is killed while its call is unread in its socket
    os.kill(doomed.pid, signal.SIGKILL)
    eventually(lambda: have_ended(doomed.pid), "the process has ended")
    visitor.let_pass()

    # THEN the other process gets that call, too
    visitor = gate.wait_for_visitor()
    assert visitor.pid == left.pid
    visitor.let_pass()
    assert {call.result(PATIENCE_SECONDS)["pid"] for call in calls} == {left.pid}
    assert len(toy.served.cold_starts) == 1


@pytest.mark.slow
def test_a_timeout_keeps_the_process(serve: Serve, gate: Gate, callers: ThreadPoolExecutor) -> None:
    toy = serve(max_workers=1, concurrency=1, timeout_seconds=SHORT_SECONDS)
    failed = callers.submit(toy.failure, do="gate", gate=gate.port)
    visitor = gate.wait_for_visitor()
    assert failed.result(PATIENCE_SECONDS)["errorType"] == "Sandbox.Timedout"

    visitor.let_pass()
    again = callers.submit(toy.call, do="gate", gate=gate.port)
    second = gate.wait_for_visitor()
    second.let_pass()
    assert again.result(PATIENCE_SECONDS) == {"pid": visitor.pid}


@pytest.mark.parametrize(
    ("handler", "error"),
    [("broken_import.handler", "Runtime.ImportModuleError"), ("broken_init.handler", "Runtime.ExitError")],
)
def test_an_init_that_fails_in_every_process_is_the_error(serve: Serve, handler: str, error: str) -> None:
    toy = serve(handler, max_workers=1, concurrency=2)
    assert toy.failure()["errorType"] == error
    with pytest.raises(FunctionFailed):
        toy.served.prepare()


def test_stopping_ends_every_process(serve: Serve, gate: Gate, callers: ThreadPoolExecutor) -> None:
    toy = serve(max_workers=1, concurrency=3)
    calls = [callers.submit(toy.call, do="gate", gate=gate.port) for _ in range(4)]
    three = [gate.wait_for_visitor() for _ in range(3)]

    toy.served.__exit__(None, None, None)
    for call in calls:
        with pytest.raises(FunctionFailed):
            call.result(PATIENCE_SECONDS)
    assert all(visitor.has_died() for visitor in three)
    eventually(lambda: have_ended(*(visitor.pid for visitor in three)), "every process has ended")


def test_retiring_ends_every_process(serve: Serve, gate: Gate, callers: ThreadPoolExecutor) -> None:
    toy = serve(max_workers=1, concurrency=2)
    before = pass_gate(toy, gate, callers, 2)
    toy.served.retire_workers()
    eventually(lambda: have_ended(*(visitor.pid for visitor in before)), "every process has ended")
    assert toy.call(do="describe")["pid"] not in {visitor.pid for visitor in before}
