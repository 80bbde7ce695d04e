"""Large objects in the local bucket: a range costs its own size, not the object's."""

import pytest
from moto.s3.models import FakeKey

from devstack.services import moto_server


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeKey, "value", vars(FakeKey)["value"])  # put moto's back afterwards
    moto_server.install()


@pytest.mark.parametrize("value", [b"\x00\xff" * 1000, bytearray(b"several parts"), "text \N{SNOWMAN}", b""])
def test_reading_an_object_copies_nothing(value: bytes | str) -> None:
    # GIVEN an object, as one upload and as several parts (a bytearray) set it
    key = FakeKey(name="k", value=value, account_id="123456789012", region_name="us-east-1")  # type: ignore[arg-type]

    # WHEN it is read twice
    first, second = key.value, key.value

    # THEN both are one object in memory, with the content
    assert first is second
    assert first == (value.encode() if isinstance(value, str) else bytes(value))
    assert key.size == len(first)
    key.dispose()
