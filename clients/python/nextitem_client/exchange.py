"""One call with its retries, without input and output: a generator says what to send and how long to pause.

Sync and async clients run the same generator, so they cannot differ.
"""

import random
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TypeVar

import msgspec

from nextitem_client.calls import Call
from nextitem_client.errors import NoAnswer, NotAuthorized, Refused, RequestFailed, Unavailable, UnexpectedAnswer
from nextitem_client.schema import Problem, now_ms

T = TypeVar("T")
_RETRIED = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_UNAUTHORIZED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


@dataclass(frozen=True)
class Retries:
    """How often and how long a call is tried. Every operation of the API may be repeated: events have ids.

    Attributes:
        timeout: seconds for a call with all its tries and pauses.
        attempt_timeout: seconds for one try; the service gets it as `deadline_ms`.
        attempts: maximum number of tries.
        first_pause: seconds; each later pause may be twice as long. Pauses are random from 0 to that.
        longest_pause: seconds.
    """

    timeout: float = 4.0
    attempt_timeout: float = 1.5
    attempts: int = 4
    first_pause: float = 0.1
    longest_pause: float = 2.0

    def pause(self, attempt: int, retry_after: float | None, share: float) -> float:
        """Return the seconds before the next try.

        Args:
            attempt: the number of tries before, less one.
            retry_after: seconds that the service asked for.
            share: from 0 to 1; clients that failed together must not return together.
        """
        backoff: float = min(self.first_pause * 2.0**attempt, self.longest_pause)
        return (retry_after or 0.0) + share * backoff


@dataclass(frozen=True)
class Send:
    """A try to be sent; the outcome must come within `seconds`."""

    method: str
    target: str
    body: bytes | None
    seconds: float


@dataclass(frozen=True)
class Pause:
    """A pause before the next try."""

    seconds: float


@dataclass(frozen=True)
class Response:
    """A whole answer; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Outcome = Response | NoAnswer


def exchange(
    call: Call[T],
    retries: Retries,
    clock: Callable[[], float] = time.monotonic,
    chance: Callable[[], float] = random.random,
) -> Generator[Send | Pause, Outcome | None, T]:
    """Yield what to do next, receive each outcome of a `Send`, and return the answer.

    Raises:
        RequestFailed: the last try failed, or there is no time for another one.
    """
    end = clock() + retries.timeout
    for attempt in range(retries.attempts):
        seconds = min(end - clock(), retries.attempt_timeout)
        target, body = call.render(seconds, now_ms())
        outcome = yield Send(call.method, target, body, seconds)
        result = _read(outcome, call.answer)
        if not isinstance(result, RequestFailed):
            return result
        pause = retries.pause(attempt, getattr(result, "retry_after", None), chance())
        is_last = attempt + 1 == retries.attempts or clock() + pause >= end
        if is_last or not isinstance(result, Unavailable):
            raise result
        yield Pause(pause)
    raise ValueError(f"Retries.attempts is {retries.attempts}: at least one try is needed")


def _read(outcome: Outcome | None, kind: type[T]) -> T | RequestFailed:
    if not isinstance(outcome, Response):
        return outcome or NoAnswer("no answer")
    if outcome.status >= HTTPStatus.BAD_REQUEST:
        return _fault(outcome)
    try:
        if outcome.status in (HTTPStatus.OK, HTTPStatus.NO_CONTENT):
            return msgspec.json.decode(outcome.body or b"null", type=kind)
        fault = "it is not one of this API"
    except (msgspec.DecodeError, UnicodeError) as error:
        fault = str(error)
    return UnexpectedAnswer(f"status {outcome.status}: {fault}. Is the URL that of a nextitem API?")


def _fault(response: Response) -> RequestFailed:
    problem = _problem(response)
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status in _RETRIED:
        return Unavailable(str(Refused(problem)), _retry_after(response.headers))
    return NotAuthorized(problem) if response.status in _UNAUTHORIZED else Refused(problem)


class _Message(msgspec.Struct):
    """An error of API Gateway itself."""

    message: str = ""


def _problem(response: Response) -> Problem:
    try:
        return msgspec.json.decode(response.body, type=Problem)
    except (msgspec.DecodeError, UnicodeError):
        return Problem("HTTP error", response.status, _message(response.body))


def _message(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Message).message
    except (msgspec.DecodeError, UnicodeError):
        return body[:200].decode(errors="replace")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After header, which has seconds or a date."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None  # no header, or one that cannot be read: our own backoff holds
    return max((date.astimezone(UTC) - datetime.now(UTC)).total_seconds(), 0.0)
