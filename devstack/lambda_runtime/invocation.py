"""One invocation of a function and its outcome."""

import asyncio
import json
import secrets
import time
import uuid
from dataclasses import dataclass, field

PAYLOAD_LIMIT_BYTES = 6 * 1024 * 1024
"""Lambda's limit for a synchronous invocation, for the event and for the response."""


@dataclass(frozen=True)
class Outcome:
    """The function's response, or the JSON error object in its place.

    Attributes:
        milliseconds: between the worker's receipt of the event and its response; None if no worker had it.
        cold_start: whether it is the worker's first.
    """

    payload: bytes
    failed: bool = False
    milliseconds: float | None = field(default=None, compare=False)
    cold_start: bool = field(default=False, compare=False)


def failure(error_type: str, message: str) -> Outcome:
    """Return a failed outcome in Lambda's error format."""
    error = {"errorType": error_type, "errorMessage": message}
    return Outcome(json.dumps(error).encode(), failed=True)


def new_trace_id() -> str:
    """Return a new trace header in X-Ray's format, not sampled."""
    root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    return f"Root={root};Parent={secrets.token_hex(8)};Sampled=0"


@dataclass(frozen=True, eq=False)
class Invocation:
    """An event for a worker; `outcome` is set exactly once.

    Attributes:
        arn: of the function, with the version or alias that its caller named.
    """

    arn: str
    payload: bytes
    outcome: asyncio.Future[Outcome]
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    trace_id: str = field(default_factory=new_trace_id)

    def complete(self, outcome: Outcome) -> None:
        """Set the outcome, unless the caller no longer waits for it."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def fail(self, error_type: str, message: str) -> None:
        """Set an error as the outcome, worded as Lambda does."""
        self.complete(failure(error_type, f"RequestId: {self.request_id} Error: {message}"))
