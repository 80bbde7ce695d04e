"""The whole stack around a toy function: every part works, and all of them end with it."""

import http.client
import json
import os
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from devstack.stack import Stack
from tests.devstack.conftest import FUNCTIONS, is_running

DESCRIBE = b'{"do":"describe"}'


def accepts_connections(url: str) -> bool:
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname or "", address.port or 0), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def get(url: str) -> tuple[int, bytes]:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=20)
    try:
        connection.request("GET", f"{address.path}?{address.query}")
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def own_children() -> set[str]:
    """Return the process ids of this process's children, zombies included."""
    command = ["pgrep", "-P", str(os.getpid())]
    listing = subprocess.run(command, capture_output=True, text=True, check=False)
    return set(listing.stdout.split())


@pytest.mark.slow
def test_every_part_works_and_ends_with_the_stack() -> None:
    before = own_children()
    with Stack(FUNCTIONS, handler="toy.handler", max_workers=1, settings={"NEXTITEM_ROUTE": "trial"}) as stack:
        description = json.loads(stack.invoke(DESCRIBE))
        seen = description["environment"]

        assert seen["NEXTITEM_STORE_URL"] == stack.store_url
        assert (seen["NEXTITEM_BUCKET"], seen["AWS_ENDPOINT_URL_S3"]) == (stack.bucket, stack.s3_endpoint)
        assert seen["NEXTITEM_ROUTE"] == "trial"
        with redis.Redis.from_url(stack.store_url) as store:
            assert store.set("tea", "green")
            assert store.get("tea") == b"green"
            assert store.info("server")["server_name"] == "valkey"
            assert store.config_get("save")["save"] == ""
        status, listing = get(f"{stack.s3_endpoint}/{stack.bucket}?list-type=2")
        assert status == 200
        assert b"<KeyCount>0</KeyCount>" in listing
        assert json.loads(get(f"{stack.url}/v1/health")[1])["routeKey"] == "GET /v1/health"
        assert (stack.version, len(stack.cold_starts)) == (None, 1)
        assert stack.log_lines() == ["toy is loaded"]
        scratch = Path(seen["TMPDIR"])
        assert scratch.is_dir()
        assert len(own_children() - before) == 4  # the reaper, Valkey, the bucket, one worker

    assert not is_running(description["pid"])
    assert [accepts_connections(url) for url in (stack.url, stack.store_url, stack.s3_endpoint)] == [False] * 3
    assert not scratch.exists()
    assert own_children() == before


@pytest.mark.slow
def test_the_stack_starts_with_a_broken_function() -> None:
    with Stack(FUNCTIONS, handler="broken_init.handler") as stack:
        assert get(f"{stack.url}/v1/health") == (500, b'{"message": "Internal Server Error"}')
