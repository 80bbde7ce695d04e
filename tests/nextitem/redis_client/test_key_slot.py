"""A key's slot in a Cluster."""

from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot as expected

from nextitem.redis_client.topology import key_slot
from nextitem.sessions.keys import session_key


@given(st.binary(min_size=16, max_size=16), st.text(max_size=50))
def test_redis_py_computes_the_same_slot(secret: bytes, session_id: str) -> None:
    key = session_key(secret, session_id)
    assert key_slot(key) == expected(key.encode())
