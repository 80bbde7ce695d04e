"""Commands as bytes: what redis-py would send, and what a server takes for what was meant."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from redis.connection import Connection

from nextitem.redis_client.resp import Argument, packed

ARGUMENTS = st.lists(st.binary(max_size=100) | st.text(max_size=50) | st.integers(), min_size=1, max_size=20)


@given(ARGUMENTS)
def test_a_command_is_the_bytes_that_redis_py_sends(arguments: list[Argument]) -> None:
    # GIVEN any arguments behind a command's name WHEN they are packed
    ours = packed("EVALSHA", *arguments)

    # THEN they are what the well-known client would have sent
    connect: Any = Connection  # redis-py leaves it untyped
    assert ours == b"".join(connect().pack_command("EVALSHA", *arguments))
