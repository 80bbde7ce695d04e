"""uvicorn's HTTP/1.1 with bounds: of the size of heads and trailers, and of the time that a connection waits.

A request that asks for another protocol is answered in this one. What is no HTTP is refused in its turn, after the
answers to the requests before it.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from container.http_parser import SameProtocolParser

KEEP_ALIVE_SECONDS = 75
"""For a connection without a request. Longer than load balancers keep idle connections (60 s is usual): the balancer
then closes first, and sends nothing on a connection that is being closed here."""
HEAD_SECONDS = 30.0
"""In which a head must arrive once it has begun."""
UNREAD_SECONDS = 30.0
"""After which a connection ends whose client has read nothing of its answers, once they fill the buffers."""
MAX_HEAD_BYTES = 1 << 16
"""Of a request's line and headers in memory; the API's own limit is lower. uvicorn sets none with httptools.
Also of what comes in a row behind the head and is no body: trailers, and extensions of chunks."""


class BoundedHttp(HttpToolsProtocol):
    """Refuses a request whose head does not end, and ends a connection on which none comes.

    uvicorn's own timer for idle connections begins with the first answer, and ends with any byte.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.parser: SameProtocolParser | None = SameProtocolParser(self)  # type: ignore[assignment] # as httptools' own
        self._head_bytes, self._in_head = 0, False
        self._frame_bytes, self._has_body_come = 0, False
        self._begun = 0
        """Messages that began in the data that is being parsed."""
        self._is_between = True
        """Whether the next byte begins a message."""
        self._timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None
        self._has_ended = False
        """Whether nothing more is read: the connection ends with the last answer."""
        self._refusal: str | None = None
        """Of what came last, to be sent after the last answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._await_head(KEEP_ALIVE_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._stop_timer()
        self._stop_unread_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`: the client does not read, or the network is slow."""
        super().pause_writing()
        self._await_reading()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._stop_unread_timer()  # it reads on
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._has_ended or self.transport.is_closing():
            return
        was_between, self._begun, self._has_body_come = self._is_between, 0, False
        super().data_received(data)
        if self._has_ended:  # it has been refused
            return
        if not self._in_head:
            self._check_frames(len(data))
            return
        # Behind the end of another message, the length of this head's part is not known: the next data count.
        if self._begun == 0 or (was_between and self._begun == 1):
            self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The request's head is too long.")

    def _check_frames(self, size: int) -> None:
        self._frame_bytes = 0 if self._has_body_come or self._is_between else self._frame_bytes + size
        if self._frame_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The request's trailers are too long.")

    def eof_received(self) -> bool:  # type: ignore[override] # as asyncio's
        """Answer the requests that have come whole; see `asyncio.Protocol`: True keeps the connection for that."""
        if self._has_ended:  # a refusal waits for its turn
            return True
        if self._is_idle or not self._drop_incomplete():
            return False
        self._has_ended = True
        self.cycle.keep_alive = False  # the last one says so in its answer
        return True

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools. Trailers are dropped: the head has been checked, and nothing reads them."""
        if self._in_head:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        self._has_body_come = True
        super().on_body(body)

    def on_message_begin(self) -> None:
        """See httptools."""
        self._head_bytes, self._in_head, self._is_between = 0, True, False
        self._begun += 1
        self._await_head(HEAD_SECONDS)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """See httptools."""
        self._stop_timer()
        super().on_headers_complete()
        self._in_head = False

    def on_message_complete(self) -> None:
        """See httptools."""
        self._is_between = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP. Requests before it get their answers first."""
        self._has_ended = True
        if self._is_idle or not self._drop_incomplete():
            self._end_with(msg)
        else:
            self._refusal = msg

    def _drop_incomplete(self) -> bool:
        """Drop a request without its end, and return whether those before it still lack answers."""
        if self._in_head or self._is_between:
            return True
        if self.pipeline:
            self.pipeline.popleft()  # the newest
            return True
        return False

    def _end_with(self, refusal: str) -> None:
        super().send_400_response(refusal)
        self._await_reading()

    def on_response_complete(self) -> None:
        """Wait for the next request, if it has not begun yet; see uvicorn."""
        is_last = not self.pipeline
        super().on_response_complete()
        if self._has_ended and is_last and not self.transport.is_closing():
            if self._refusal is None:
                self.transport.close()
            else:
                self._end_with(self._refusal)
            return
        if self._timer is None and self._is_idle:
            self._await_head(KEEP_ALIVE_SECONDS)

    @property
    def _is_idle(self) -> bool:
        """Whether every request that came has its answer."""
        return self.cycle is None or self.cycle.response_complete

    def _await_head(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, self._give_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _await_reading(self) -> None:
        """End the connection if its client reads nothing for some time, though there is something for it."""
        self._stop_unread_timer()
        unread = self.transport.get_write_buffer_size()

        def look() -> None:
            if self.transport.get_write_buffer_size() < unread:
                self._await_reading()
            else:
                self.transport.abort()

        self._unread_timer = self.loop.call_later(UNREAD_SECONDS, look)

    def _stop_unread_timer(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    def _give_up(self) -> None:
        if self._is_idle:
            self.transport.abort()  # also where the client does not read the last answer
        else:
            self._await_head(HEAD_SECONDS)  # the head behind a request that is being answered
