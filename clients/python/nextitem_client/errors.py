"""What may happen to a request. Each error says whether the same request may succeed later."""

from nextitem_client.schema import Problem


class RequestFailed(Exception):
    """The base of all errors of requests."""


class Refused(RequestFailed):
    """The service refused the request (4xx). Sent again, it would be refused again.

    Attributes:
        problem: what is wrong; `problem.errors` names each wrong field.
    """

    def __init__(self, problem: Problem) -> None:
        fields = "".join(f"; {fault.get('field')}: {fault.get('detail')}" for fault in problem.errors)
        super().__init__(f"{problem.status} {problem.title}: {problem.detail}{fields}")
        self.problem = problem


class NotAuthorized(Refused):
    """Token or signature is missing, wrong or expired (401, 403)."""


class Unavailable(RequestFailed):
    """The service could not serve the request now (408, 429, 5xx), also after retries. It may be sent again.

    Attributes:
        retry_after: seconds after which the service wants the next try; None: it did not say.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NoAnswer(Unavailable):
    """No whole answer came before the deadline. The service may have the events or not: send the same ids again."""


class NotStored(Unavailable):
    """The service answered, but its store did not confirm the events."""


class UnexpectedAnswer(RequestFailed):
    """The answer is not one of this API: the URL may be of another server."""
