"""Entry point of the Lambda function: converts events to calls, and answers to responses."""

from typing import Any

import startup  # before all other imports: the models are loaded while they go on

# isort: split
import application
from calls import NOT_CONFIRMED, CallExecutor
from lambda_events import direct_call, http_call, http_response, is_http, wants_raised_errors
from nextitem.errors import CallFailed
from nextitem.service import schema

_executor = CallExecutor(application.start(startup.take()))
startup.finish()


def handler(event: Any, _context: object) -> Any:
    """Answer one invocation: an HTTP request, or a direct invoke that names an operation.

    Raises:
        SelfCheckFailed: the operation was `verify`; Lambda reports it as a function error.
        CallFailed: the caller only notices raised errors, see `wants_raised_errors`.
    """
    if is_http(event):
        return http_response(_executor.answer(lambda: http_call(event)))
    status, answer, _ = _executor.answer(lambda: direct_call(event))
    if wants_raised_errors(event):
        _raise_failure(event, answer)
    return {"status": status} if answer is None else schema.to_document(answer)


def _raise_failure(event: dict[str, Any], answer: Any) -> None:
    """Raise an error if a direct invoke was refused, failed, or did not store its events."""
    if isinstance(answer, schema.Problem):
        raise CallFailed(f"{answer.status} {answer.title}: {answer.detail}")
    if isinstance(answer, schema.Answer) and answer.stored is False and event.get("store") is not False:
        raise CallFailed(NOT_CONFIRMED)
