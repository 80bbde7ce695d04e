"""What can go wrong in the stack itself; it knows nothing of the function that runs in it."""

from nextitem.errors import NextItemError


class StackError(NextItemError):
    """A part of the stack did not start, or ended when it should not have."""


class FunctionFailed(StackError):
    """The function did not answer an invocation: it raised, crashed or timed out.

    Attributes:
        payload: the JSON object with ``errorMessage`` and ``errorType`` that Lambda gives.
    """

    def __init__(self, payload: bytes) -> None:
        super().__init__(f"The function failed: {payload.decode(errors='replace')}")
        self.payload = payload
