"""httptools' parser for a server that speaks one protocol only.

A request may ask for another protocol (``Connection: Upgrade``), as Java's `HttpClient` asks for HTTP/2 and ``curl
--http2`` does. A server may ignore that (RFC 9110, 7.8). httptools does not: it takes everything behind the head for
the other protocol, the body included, and stops.
"""

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
"""The headers that say where a body ends."""


class SameProtocolParser:
    """Has the methods of `httptools.HttpRequestParser` that uvicorn calls, but never changes the protocol.

    Args:
        events: takes what is found.
    """

    def __init__(self, events: HttpToolsProtocol) -> None:
        self._events = events
        self._is_repeated = False
        """Whether the head that is parsed was parsed before."""
        self.on_body = events.on_body
        self._parser = self._new_parser()

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        return parser

    def feed_data(self, data: bytes) -> None:
        """Parse some bytes.

        Raises:
            httptools.HttpParserError: they are no HTTP.
            httptools.HttpParserUpgrade: CONNECT; what follows is not meant for this server.
        """
        while True:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                if self.get_method() == b"CONNECT":
                    raise
                data = data[upgrade.args[0] :]
                self._begin_behind_the_head()
            else:
                return

    def _begin_behind_the_head(self) -> None:
        """Go on with a new parser, which has seen a head of the same body."""
        framing = [name + b": " + value + b"\r\n" for name, value in self._body_headers()]
        self._parser = self._new_parser()
        if framing:
            self._is_repeated = True
            self._parser.feed_data(b"POST / HTTP/1.1\r\n" + b"".join(framing) + b"\r\n")
            self._is_repeated = False

    def _body_headers(self) -> list[tuple[bytes, bytes]]:
        return [(name, value) for name, value in self._events.headers if name in _FRAMING]  # in small letters

    def get_method(self) -> bytes:
        """See httptools."""
        return bytes(self._parser.get_method())

    def get_http_version(self) -> str:
        """See httptools."""
        return str(self._parser.get_http_version())

    def should_keep_alive(self) -> bool:
        """See httptools."""
        return bool(self._parser.should_keep_alive())

    def should_upgrade(self) -> bool:
        """See httptools."""
        return False

    def on_message_begin(self) -> None:
        """See httptools."""
        if not self._is_repeated:
            self._events.on_message_begin()

    def on_url(self, url: bytes) -> None:
        """See httptools."""
        if not self._is_repeated:
            self._events.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools."""
        if not self._is_repeated:
            self._events.on_header(name, value)

    def on_headers_complete(self) -> None:
        """See httptools."""
        if not self._is_repeated:
            self._events.on_headers_complete()

    def on_message_complete(self) -> None:
        """See httptools, which says so at the end of a head with Upgrade, although the body is still to come."""
        if not (self._parser.should_upgrade() and self._body_headers() and self.get_method() != b"CONNECT"):
            self._events.on_message_complete()
