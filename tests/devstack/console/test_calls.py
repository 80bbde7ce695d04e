"""A page finds the function's time for its request by the name that it gave it."""

from devstack.api_gateway.http_event import HttpRequest
from devstack.console.calls import KEPT, CallTime, CallTimes
from devstack.lambda_runtime.invocation import Outcome


def request(*headers: tuple[str, str]) -> HttpRequest:
    return HttpRequest("GET", "/v1/health", headers, b"", "127.0.0.1")


def test_a_named_request_has_its_time() -> None:
    calls = CallTimes()

    calls.observe(request(("X-Devstack-Call", "mine")), Outcome(b"", milliseconds=3.5, cold_start=True))

    assert calls.time_of("mine") == CallTime(3.5, cold_start=True)
    assert calls.time_of("other") is None


def test_requests_without_a_name_or_a_worker_are_not_kept() -> None:
    calls = CallTimes()

    calls.observe(request(), Outcome(b"", milliseconds=3.5))
    calls.observe(request(("x-devstack-call", "queued")), Outcome(b"", failed=True))

    assert calls.time_of("queued") is None


def test_the_oldest_are_forgotten() -> None:
    calls = CallTimes()

    for number in range(KEPT + 1):
        calls.observe(request(("x-devstack-call", str(number))), Outcome(b"", milliseconds=float(number)))

    assert calls.time_of("0") is None
    assert calls.time_of(str(KEPT)) == CallTime(float(KEPT), cold_start=False)
