"""Signed requests of simulated shoppers, and what their answers must be."""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Self

from devstack.smoke.cloud import Cloud, Response, SmokeFailed
from model_export.simulator import Session

LIMIT = 20
AT_ONCE = 4
"""Shoppers at a time."""
MIN_SERVED_BY_SESSION = 0.95
"""Share of answers from the stored session; the others come from cold starts, whose first store call may be late."""


@dataclass
class Answers:
    """The answers to some sessions' events.

    Attributes:
        responses: all of them.
        lengths: the length of each session by its id, as the last answer states it.
    """

    responses: list[Response] = field(default_factory=list)
    lengths: dict[str, int] = field(default_factory=dict)

    def check(self) -> str:
        """Return a summary.

        Raises:
            SmokeFailed: a request failed, or too few answers come from stored sessions.
        """
        failed = [response for response in self.responses if response.status != HTTPStatus.OK]
        if failed or not self.responses:
            first = f": {failed[0].status} {dict(failed[0].body)}" if failed else ""
            raise SmokeFailed(f"{len(failed)} of {len(self.responses)} requests failed{first}")
        empty = sum(not response.body.get("recommendations") for response in self.responses)
        if empty:
            raise SmokeFailed(f"{empty} of {len(self.responses)} answers have no recommendations")
        by_session = sum(response.body.get("served_by") == "session" for response in self.responses)
        if by_session < MIN_SERVED_BY_SESSION * len(self.responses):
            raise SmokeFailed(f"only {by_session} of {len(self.responses)} answers are served by the session")
        times = sorted(response.milliseconds for response in self.responses)
        return (
            f"{len(self.responses)} requests of {len(self.lengths)} sessions, none failed, {by_session} served by the "
            f"session, median {times[len(times) // 2]:.0f} ms, slowest {times[-1]:.0f} ms"
        )


def send_sessions(cloud: Cloud, sessions: Iterable[Session]) -> Answers:
    """Send each event of each session, some sessions at a time."""
    answers = Answers()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for responses, session in threads.map(lambda session: (_visit(cloud, session), session), sessions):
            answers.responses += responses
            answers.lengths[session.session_id] = int(responses[-1].body.get("session_length") or 0)
    return answers


def _visit(cloud: Cloud, session: Session) -> list[Response]:
    path = f"/v1/sessions/{session.session_id}/events"
    return [
        cloud.send("POST", path, {"events": [{"item_id": item_id}], "limit": LIMIT}) for item_id in session.item_ids
    ]


class Traffic:
    """Sends sessions, one after the other, while its ``with`` block runs."""

    def __init__(self, cloud: Cloud, sessions: Iterator[Session]) -> None:
        self._cloud = cloud
        self._sessions = sessions
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)
        self._error: BaseException | None = None
        self.answers = Answers()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        if kind is None and self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                session = next(self._sessions)
                responses = _visit(self._cloud, session)
                self.answers.responses += responses
                self.answers.lengths[session.session_id] = int(responses[-1].body.get("session_length") or 0)
        except Exception as error:  # noqa: BLE001 - raised in the thread that waits, at the end of the block
            self._error = error
