"""Workers start on demand, take one invocation at a time, and have Lambda's environment."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devstack.processes.errors import FunctionFailed
from tests.devstack.conftest import FUNCTIONS, Toy, is_running
from tests.devstack.lambda_runtime.gate import PATIENCE_SECONDS, Gate

Serve = Callable[..., Toy]


@pytest.fixture
def callers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as callers:
        yield callers


def test_one_worker_serves_one_call_after_another(serve: Serve) -> None:
    toy = serve()

    pids = set()
    for _ in range(10):
        pids.add(toy.call(do="describe")["pid"])
        toy.served.wait_until_idle()

    assert len(pids) == 1
    (cold_start,) = toy.served.cold_starts
    assert 0 < cold_start.ready_ms <= cold_start.answer_ms


def test_a_call_gets_a_new_worker_when_all_are_busy(serve: Serve, gate: Gate, callers: ThreadPoolExecutor) -> None:
    toy = serve(max_workers=3)
    held = callers.submit(toy.call, do="gate", gate=gate.port)
    first = gate.wait_for_visitor()

    pid = toy.call(do="describe")["pid"]

    assert pid != first.pid
    first.let_pass()
    assert held.result(PATIENCE_SECONDS) == {"pid": first.pid}
    assert len(toy.served.cold_starts) == 2


def test_at_the_limit_calls_wait_for_a_worker(serve: Serve, gate: Gate, callers: ThreadPoolExecutor) -> None:
    # GIVEN as many held calls as workers are allowed, and another call
    toy = serve(max_workers=2)
    calls = [callers.submit(toy.call, do="gate", gate=gate.port) for _ in range(3)]
    visitors = [gate.wait_for_visitor(), gate.wait_for_visitor()]
    assert not gate.has_another_visitor()

    # WHEN a worker becomes free
    visitors[0].let_pass()

    # THEN it takes the queued call
    third = gate.wait_for_visitor()
    assert third.pid == visitors[0].pid
    visitors[1].let_pass()
    third.let_pass()
    assert sorted(call.result(PATIENCE_SECONDS)["pid"] for call in calls) == sorted(
        visitor.pid for visitor in (*visitors, third)
    )
    assert len(toy.served.cold_starts) == 2


def test_retired_workers_make_the_next_call_a_cold_start(serve: Serve) -> None:
    toy = serve()
    before = toy.call(do="describe")["pid"]

    toy.served.retire_workers()

    assert not is_running(before)
    assert toy.call(do="describe")["pid"] != before
    assert len(toy.served.cold_starts) == 2


def test_a_worker_that_starts_is_retired_too(serve: Serve, callers: ThreadPoolExecutor) -> None:
    # GIVEN a worker that has been spawned, and is not up yet
    toy = serve()
    starting = callers.submit(toy.served.prepare)
    while not toy.served._runtime.pool.logs:
        time.sleep(0.001)

    # WHEN the workers are retired
    toy.served.retire_workers()

    # THEN it does not take the next call
    starting.result(PATIENCE_SECONDS)
    toy.call(do="describe")
    assert toy.served.log_lines().count("toy is loaded") == 2


def test_a_worker_has_lambdas_variables_and_no_others(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MY_OWN_SECRET", "1")
    toy = serve(timeout_seconds=30.0, COLOUR="blue", LANG="C.UTF-8")

    description = toy.call(do="describe")

    seen = description["environment"]
    assert (seen["COLOUR"], seen["LANG"]) == ("blue", "C.UTF-8")
    assert "MY_OWN_SECRET" not in seen
    assert seen["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "nextitem"
    assert seen["_HANDLER"] == "toy.handler"
    assert seen["LAMBDA_TASK_ROOT"] == description["working_directory"] == str(FUNCTIONS)
    assert Path(seen["TMPDIR"]).is_relative_to(tmp_path)
    assert description["arn"] == "arn:aws:lambda:us-east-1:123456789012:function:nextitem"
    assert 0 < description["remaining_ms"] <= 30_000
    assert description["request_id"] != toy.call(do="describe")["request_id"]


def test_workers_share_no_temporary_directory(serve: Serve) -> None:
    toy = serve()
    before = toy.call(do="describe")["environment"]
    toy.served.retire_workers()
    after = toy.call(do="describe")["environment"]
    assert before["TMPDIR"] != after["TMPDIR"]
    assert before["NEXTITEM_MODEL_DIR"] != after["NEXTITEM_MODEL_DIR"]


def test_log_lines_are_complete_once_the_worker_has_answered(serve: Serve) -> None:
    lines = ['{"_aws":{"Timestamp":1},"total_ms":1.5}', "naïve line", "one\u2028line", ""]
    toy = serve()

    toy.call(do="print", lines=lines)

    assert toy.served.log_lines() == ["toy is loaded", *lines, lines[0]]


def test_stopping_ends_held_calls_and_their_workers(serve: Serve, gate: Gate, callers: ThreadPoolExecutor) -> None:
    toy = serve(max_workers=1)
    calls = [callers.submit(toy.call, do="gate", gate=gate.port) for _ in range(2)]
    visitor = gate.wait_for_visitor()

    toy.served.__exit__(None, None, None)

    for call in calls:
        with pytest.raises(FunctionFailed):
            call.result(PATIENCE_SECONDS)
    assert visitor.has_died()
    assert not is_running(visitor.pid)
    assert visitor.pid != os.getpid()
