"""Errors of devstack itself."""

from nextitem.errors import NextItemError


class StackError(NextItemError):
    """A part of the stack did not start, or ended when it should not have."""


class FunctionFailed(StackError):
    """The function raised an exception, crashed or timed out.

    Attributes:
        payload: Lambda's JSON object with ``errorMessage`` and ``errorType``.
    """

    def __init__(self, payload: bytes) -> None:
        super().__init__(f"The function failed: {payload.decode(errors='replace')}")
        self.payload = payload
