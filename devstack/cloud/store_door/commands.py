"""Read commands from a client's bytes, and find the credentials in them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import hiredis

Command = tuple[bytes, ...]
_AUTH, _HELLO = b"AUTH", b"HELLO"
_AUTH_WITH_USER = 3


class NotACommand(ValueError):
    """Bytes that are no command in the protocol's form for clients, an array of strings."""


class CommandReader:
    """Collects bytes and yields the commands in them."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader(notEnoughData=None)

    def feed(self, data: bytes) -> Iterator[Command]:
        """Yield each command that is complete.

        Raises:
            NotACommand: the bytes are not in the protocol's form.
        """
        self._reader.feed(data)
        try:
            while (command := self._reader.gets()) is not None:
                if not isinstance(command, list) or not all(isinstance(part, bytes) for part in command):
                    raise NotACommand(f"{type(command).__name__} is no command")
                yield tuple(command)
        except hiredis.ProtocolError as error:
            raise NotACommand(str(error)) from error


def pack(command: Command) -> bytes:
    """Return the bytes of a command."""
    packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]  # its stub only knows tuples of one part
    return packed


@dataclass(frozen=True)
class Login:
    """The credentials of a command that logs in: ``AUTH user password`` or ``HELLO 3 AUTH user password``.

    Attributes:
        command: the whole.
        place: of the user in it; the password follows.
    """

    command: Command
    place: int

    @classmethod
    def of(cls, command: Command) -> Self | None:
        """Return the login of a command, or None if it does not name a user."""
        name = command[0].upper() if command else b""
        if name == _AUTH and len(command) == _AUTH_WITH_USER:
            return cls(command, 1)
        if name == _HELLO:
            return cls._of_hello(command)
        return None

    @property
    def user(self) -> str:
        """The user's name."""
        return self.command[self.place].decode(errors="replace")

    @property
    def password(self) -> str:
        """The password, or a token."""
        return self.command[self.place + 1].decode(errors="replace")

    def with_password(self, password: str) -> Command:
        """Return the command with another password."""
        return (*self.command[: self.place + 1], password.encode(), *self.command[self.place + 2 :])

    @classmethod
    def _of_hello(cls, command: Sequence[bytes]) -> Self | None:
        for place in range(2, len(command) - 2):
            if command[place].upper() == _AUTH:
                return cls(tuple(command), place + 1)
        return None
