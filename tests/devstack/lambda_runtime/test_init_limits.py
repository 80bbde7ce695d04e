"""An init may take ten seconds on demand, then the function's timeout, and longer where it is made in advance."""

from collections.abc import Callable
from typing import Any

import pytest

from devstack.lambda_runtime import function
from devstack.lambda_runtime.function import INIT_SECONDS, LONG_INIT_SECONDS, Function
from devstack.processes.errors import FunctionFailed
from tests.devstack.conftest import FUNCTIONS, Toy

Serve = Callable[..., Toy]
TOO_SHORT = 0.02
"""Seconds in which no interpreter starts."""


def test_on_demand_an_overdue_init_is_tried_again(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = serve()
    monkeypatch.setattr(function, "INIT_SECONDS", TOO_SHORT)
    assert toy.call(do="echo") == {"do": "echo"}
    assert [start.worker for start in toy.served.cold_starts] == [2]


def test_an_init_that_is_overdue_twice_is_the_callers_error(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = serve(timeout_seconds=TOO_SHORT)
    monkeypatch.setattr(function, "INIT_SECONDS", TOO_SHORT)
    error = toy.failure(do="echo")
    assert error["errorType"] == "Sandbox.Timedout"
    assert error["errorMessage"].endswith("Init timed out after 0.02 seconds")


@pytest.mark.parametrize("options", [{"concurrency": 1}, {"snap_start": True}])
def test_the_short_limit_is_not_that_of_managed_instances_or_snapstart(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    monkeypatch.setattr(function, "INIT_SECONDS", TOO_SHORT)
    assert serve(**options).call(do="echo") == {"do": "echo"}


def test_the_short_limit_is_not_that_of_provisioned_concurrency(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function, "INIT_SECONDS", TOO_SHORT)
    toy = serve()
    toy.served.prepare()
    assert toy.call(do="echo") == {"do": "echo"}


@pytest.mark.parametrize("concurrency", [None, 2])
def test_a_preparation_may_be_overdue_too(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, concurrency: int | None
) -> None:
    monkeypatch.setattr(function, "LONG_INIT_SECONDS", TOO_SHORT)
    toy = serve(concurrency=concurrency, timeout_seconds=TOO_SHORT)
    with pytest.raises(FunctionFailed, match=r"Init timed out after 0\.02 seconds"):
        toy.served.prepare()


@pytest.mark.parametrize(
    ("configured", "seconds"),
    [
        (Function(FUNCTIONS), INIT_SECONDS),
        (Function(FUNCTIONS, timeout_seconds=900.0), INIT_SECONDS),
        (Function(FUNCTIONS, snap_start=True, timeout_seconds=3.0), LONG_INIT_SECONDS),
        (Function(FUNCTIONS, concurrency=2), LONG_INIT_SECONDS),
        (Function(FUNCTIONS, concurrency=2, timeout_seconds=900.0), 900.0),
    ],
)
def test_limits_are_those_of_lambda(configured: Function, seconds: float) -> None:
    assert configured.init_seconds(is_prepared=False) == seconds
    assert configured.init_seconds(is_prepared=True) == max(LONG_INIT_SECONDS, configured.timeout_seconds)
    second = configured.init_seconds(is_prepared=False, is_second_try=True)
    assert second == (configured.timeout_seconds if seconds == INIT_SECONDS else seconds)
