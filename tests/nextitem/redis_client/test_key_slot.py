"""A key's slot in a Cluster."""

from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot as expected

from nextitem.redis_client.topology import key_slot
from nextitem.sessions.keys import session_key


@given(st.text(st.sampled_from("{}ab"), max_size=8))
def test_the_slot_of_a_key_with_braces_is_that_of_its_first_part_in_braces(key: str) -> None:
    assert key_slot(key) == expected(key.encode())


@given(st.binary(min_size=16, max_size=16), st.text(max_size=50))
def test_redis_py_computes_the_same_slot(secret: bytes, session_id: str) -> None:
    key = session_key(secret, session_id)
    assert key_slot(key) == expected(key.encode())
