"""The time that the function took for recent requests, for the page that sent them."""

from collections import OrderedDict
from dataclasses import dataclass

from devstack.api_gateway.http_event import HttpRequest
from devstack.lambda_runtime.invocation import Outcome

CALL_HEADER = "x-devstack-call"
"""Header by which a page names its request. The function does not read it."""
KEPT = 500


@dataclass(frozen=True)
class CallTime:
    """The function's time for one request in milliseconds, and whether its worker was started for it."""

    milliseconds: float
    cold_start: bool


class CallTimes:
    """Keeps the times of the newest `KEPT` requests that have a name."""

    def __init__(self) -> None:
        self._times: OrderedDict[str, CallTime] = OrderedDict()

    def observe(self, request: HttpRequest, outcome: Outcome) -> None:
        """Keep the time of a request, see `Gateway`."""
        name = next((value for name, value in request.headers if name.lower() == CALL_HEADER), None)
        if name is None or outcome.milliseconds is None:
            return
        self._times[name] = CallTime(outcome.milliseconds, outcome.cold_start)
        while len(self._times) > KEPT:
            self._times.popitem(last=False)

    def time_of(self, name: str) -> CallTime | None:
        """Return the time of a request; None if it has not ended or is forgotten."""
        return self._times.get(name)
