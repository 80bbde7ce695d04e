"""One invocation of a function, and how it came out; knows neither workers nor HTTP."""

import asyncio
import json
import secrets
import time
import uuid
from dataclasses import dataclass, field

PAYLOAD_LIMIT_BYTES = 6 * 1024 * 1024
"""Lambda's limit for a synchronous invocation, on the event and on the answer."""


@dataclass(frozen=True)
class Outcome:
    """The answer of the function, or the JSON error object that stands for it."""

    payload: bytes
    failed: bool = False


def failure(error_type: str, message: str) -> Outcome:
    """An outcome in the shape in which Lambda reports an error."""
    error = {"errorType": error_type, "errorMessage": message}
    return Outcome(json.dumps(error).encode(), failed=True)


def new_trace_id() -> str:
    """A trace header in X-Ray's format, not sampled."""
    root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    return f"Root={root};Parent={secrets.token_hex(8)};Sampled=0"


@dataclass(frozen=True, eq=False)
class Invocation:
    """An event on its way to a worker; `outcome` is set exactly once."""

    payload: bytes
    outcome: asyncio.Future[Outcome]
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    trace_id: str = field(default_factory=new_trace_id)

    def answer(self, outcome: Outcome) -> None:
        """Give the outcome to whoever waits for it, if anybody still does."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def fail(self, error_type: str, message: str) -> None:
        """Answer with an error, in Lambda's words."""
        self.answer(failure(error_type, f"RequestId: {self.request_id} Error: {message}"))
