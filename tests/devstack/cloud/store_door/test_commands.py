"""Commands in a client's bytes, and the credentials in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.cloud.store_door.commands import CommandReader, Login, NotACommand, pack
from tests.nextitem.parts import STEADY

COMMANDS = st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=5).map(tuple), max_size=5)


@STEADY
@given(COMMANDS, st.data())
@pytest.mark.slow
def test_commands_are_read_however_their_bytes_arrive(commands: list[tuple[bytes, ...]], data: st.DataObject) -> None:
    rest, reader, read = b"".join(map(pack, commands)), CommandReader(), list[tuple[bytes, ...]]()
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        read += reader.feed(rest[:size])
        rest = rest[size:]
    assert read == commands


@pytest.mark.parametrize("data", [b"PING\r\n", b"+OK\r\n", b":1\r\n", b"*1\r\n:1\r\n", b"\x16\x03\x01\x02\x00\x01"])
def test_other_bytes_are_no_command(data: bytes) -> None:
    with pytest.raises(NotACommand):
        list(CommandReader().feed(data))


@pytest.mark.parametrize(
    "command",
    [
        (b"AUTH", b"app", b"token"),
        (b"auth", b"app", b"token"),
        (b"HELLO", b"3", b"AUTH", b"app", b"token"),
        (b"hello", b"3", b"SETNAME", b"x", b"auth", b"app", b"token", b"SETNAME", b"x"),
    ],
)
def test_a_login_names_a_user_and_its_password_can_be_replaced(command: tuple[bytes, ...]) -> None:
    login = Login.of(command)
    assert login is not None
    assert (login.user, login.password) == ("app", "token")
    assert login.with_password("hush") == tuple(b"hush" if part == b"token" else part for part in command)


@pytest.mark.parametrize(
    "command",
    [
        (),
        (b"AUTH", b"password"),
        (b"AUTH", b"a", b"b", b"c"),
        (b"HELLO",),
        (b"HELLO", b"3"),
        (b"HELLO", b"3", b"AUTH", b"app"),
        (b"SET", b"AUTH", b"x"),
    ],
)
def test_other_commands_are_no_login(command: tuple[bytes, ...]) -> None:
    assert Login.of(command) is None
