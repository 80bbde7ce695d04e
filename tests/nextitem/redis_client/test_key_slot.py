"""A key's slot is where a Cluster looks for it."""

from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot as expected

from nextitem.redis_client.topology import key_slot
from nextitem.sessions.keys import session_key


@given(st.binary(min_size=16, max_size=16), st.text(max_size=50))
def test_it_is_the_one_that_redis_py_finds(secret: bytes, session_id: str) -> None:
    key = session_key(secret, session_id)
    assert key_slot(key) == expected(key.encode())
