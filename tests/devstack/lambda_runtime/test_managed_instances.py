"""Lambda Managed Instances on one machine: several processes of one worker, each with an invocation of its own."""

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
"""A function's time limit where it is to be met."""


@pytest.fixture
def callers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as callers:
        yield callers


def visitors(toy: Toy, gate: Gate, callers: ThreadPoolExecutor, count: int) -> list[Visitor]:
    """As many calls at once, seen at the gate and let through."""
    calls = [callers.submit(toy.call, do="gate", gate=gate.port) for _ in range(count)]
    found = [gate.wait_for_visitor() for _ in range(count)]
    for visitor in found:
        visitor.let_through()
    assert {call.result(PATIENCE_SECONDS)["pid"] for call in calls} == {visitor.pid for visitor in found}
    return found


def test_one_worker_runs_several_calls_at_once(serve: Serve, gate: Gate, callers: ThreadPoolExecutor) -> None:
    toy = serve(max_workers=1, concurrency=3)
    calls = [callers.submit(toy.call, do="gate", gate=gate.port) for _ in range(4)]
    three = [gate.wait_for_visitor() for _ in range(3)]

    assert len({visitor.pid for visitor in three}) == 3
    assert not gate.has_visitor_waiting()
    three[0].let_through()
    fourth = gate.wait_for_visitor()
    assert fourth.pid == three[0].pid
    for visitor in (*three[1:], fourth):
        visitor.let_through()
    assert sorted(call.result(PATIENCE_SECONDS)["pid"] for call in calls) == sorted(
        visitor.pid for visitor in (*three, fourth)
    )
    assert len(toy.served.cold_starts) == 1


def test_what_one_worker_cannot_run_makes_another(serve: Serve, gate: Gate, callers: ThreadPoolExecutor) -> None:
    toy = serve(max_workers=5, concurrency=2)
    assert len({visitor.pid for visitor in visitors(toy, gate, callers, 4)}) == 4
    assert len(toy.served.cold_starts) == 2


def test_its_processes_share_a_directory_and_are_told_how_many_they_are(
    serve: Serve, gate: Gate, callers: ThreadPoolExecutor
) -> None:
    toy = serve(max_workers=1, concurrency=2)
    both = {visitor.pid for visitor in visitors(toy, gate, callers, 2)}
    told: dict[int, dict[str, str]] = {}
    while told.keys() != both:
        answers = [call.result() for call in [callers.submit(toy.call, do="tell") for _ in range(4)]]
        told |= {answer["pid"]: answer["environment"] for answer in answers}

    one, other = told.values()
    assert one["AWS_LAMBDA_MAX_CONCURRENCY"] == "2"
    assert one["AWS_LAMBDA_INITIALIZATION_TYPE"] == "lambda-managed-instances"
    assert one["NEXTITEM_MODEL_DIR"] == other["NEXTITEM_MODEL_DIR"]
    assert one["TMPDIR"] == other["TMPDIR"]


@pytest.mark.slow
def test_a_process_that_dies_in_a_call_costs_that_call(serve: Serve, gate: Gate, callers: ThreadPoolExecutor) -> None:
    toy = serve(max_workers=1, concurrency=2, timeout_seconds=5)
    visitors(toy, gate, callers, 2)
    lucky = callers.submit(toy.call, do="gate", gate=gate.port)
    left = gate.wait_for_visitor()
    unlucky = callers.submit(toy.failure, do="gate", gate=gate.port)
    doomed = gate.wait_for_visitor()

    doomed.kill()
    left.let_through()
    assert lucky.result(PATIENCE_SECONDS) == {"pid": left.pid}
    assert {toy.call(do="tell")["pid"] for _ in range(5)} == {left.pid}
    assert unlucky.result(PATIENCE_SECONDS)["errorType"] == "Sandbox.Timedout"
    assert len(toy.served.cold_starts) == 1

    assert toy.failure(do="die")["errorType"] == "Runtime.ExitError"
    assert toy.call(do="tell")["pid"] != left.pid
    assert len(toy.served.cold_starts) == 2


def test_a_process_that_dies_while_it_waits_costs_nothing(
    serve: Serve, gate: Gate, callers: ThreadPoolExecutor
) -> None:
    toy = serve(max_workers=1, concurrency=2)
    doomed, left = visitors(toy, gate, callers, 2)
    os.kill(doomed.pid, signal.SIGKILL)
    eventually(lambda: have_ended(doomed.pid), "it is dead")

    calls = [callers.submit(toy.call, do="gate", gate=gate.port) for _ in range(2)]
    for _ in calls:
        visitor = gate.wait_for_visitor()
        assert visitor.pid == left.pid
        visitor.let_through()
    assert {call.result(PATIENCE_SECONDS)["pid"] for call in calls} == {left.pid}
    assert len(toy.served.cold_starts) == 1


def test_a_call_that_was_sent_to_a_process_that_dies_unaware_of_it_costs_nothing(
    serve: Serve, gate: Gate, callers: ThreadPoolExecutor
) -> None:
    # GIVEN two processes that wait for work, one of them stopped, and a call for each
    toy = serve(max_workers=1, concurrency=2)
    doomed, left = visitors(toy, gate, callers, 2)
    os.kill(doomed.pid, signal.SIGSTOP)
    eventually(lambda: has_stopped(doomed.pid), "it stands still")
    calls = [callers.submit(toy.call, do="gate", gate=gate.port) for _ in range(2)]
    visitor = gate.wait_for_visitor()
    assert visitor.pid == left.pid
    assert not gate.has_visitor_waiting()

    # WHEN the stopped one is killed, with its call unread in its socket
    os.kill(doomed.pid, signal.SIGKILL)
    eventually(lambda: have_ended(doomed.pid), "it is dead")
    visitor.let_through()

    # THEN the other one gets that call, too
    visitor = gate.wait_for_visitor()
    assert visitor.pid == left.pid
    visitor.let_through()
    assert {call.result(PATIENCE_SECONDS)["pid"] for call in calls} == {left.pid}
    assert len(toy.served.cold_starts) == 1


def test_what_takes_too_long_goes_on(serve: Serve, gate: Gate, callers: ThreadPoolExecutor) -> None:
    toy = serve(max_workers=1, concurrency=1, timeout_seconds=SHORT_SECONDS)
    failed = callers.submit(toy.failure, do="gate", gate=gate.port)
    visitor = gate.wait_for_visitor()
    assert failed.result(PATIENCE_SECONDS)["errorType"] == "Sandbox.Timedout"

    visitor.let_through()
    again = callers.submit(toy.call, do="gate", gate=gate.port)
    second = gate.wait_for_visitor()
    second.let_through()
    assert again.result(PATIENCE_SECONDS) == {"pid": visitor.pid}


@pytest.mark.parametrize(
    ("handler", "error"),
    [("broken_import.handler", "Runtime.ImportModuleError"), ("broken_init.handler", "Runtime.ExitError")],
)
def test_an_init_that_fails_in_every_process_is_told(serve: Serve, handler: str, error: str) -> None:
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
    before = visitors(toy, gate, callers, 2)
    toy.served.retire_workers()
    eventually(lambda: have_ended(*(visitor.pid for visitor in before)), "every process has ended")
    assert toy.call(do="tell")["pid"] not in {visitor.pid for visitor in before}
