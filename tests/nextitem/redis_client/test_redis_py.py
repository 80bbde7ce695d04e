"""redis-py without its clients: requests never import them, and what needs them gets them."""

import subprocess
import sys
from pathlib import Path

import pytest

from devstack.services.valkey import Valkey

FUNCTIONS = Path(__file__).parents[3] / "functions"

CALL_A_SERVER = """
import sys
from nextitem.deadline import Deadline
from nextitem.redis_client.connection import Connection
from nextitem.redis_client.login import Login
from nextitem.redis_client.url import Address

connection = Connection(Address("127.0.0.1", int(sys.argv[1])), Login(), opened_at=0.0)
limit = Deadline.after(10)
connection.send(limit, "PING")
assert connection.receive(limit) == b"PONG"
connection.send(limit, "EVALSHA", "0" * 40, 0)
try:
    connection.receive(limit)
except Exception as error:
    assert type(error).__name__ == "NoScript", error
connection.close()
unwanted = ["redis", "redis.client", "redis.commands", "redis.asyncio", "redis.cluster", "zipfile"]
assert not [name for name in unwanted if name in sys.modules]
"""

IMPORT_THE_REST = """
import nextitem.telemetry.serializer
from nextitem.redis_client.redis_py import Connection, exceptions
import redis.client, importlib.metadata
from redis import Redis, Sentinel
from aws_lambda_powertools import Logger

assert Redis is redis.client.Redis and Sentinel.__module__ == "redis.sentinel"
assert redis.Connection is Connection and redis.connection.Connection is Connection
assert redis.exceptions is exceptions and redis.AuthenticationError is exceptions.AuthenticationError
assert issubclass(redis.asyncio.Redis, object) and redis.asyncio.Redis is not Redis
assert redis.__version__ == importlib.metadata.version("redis")
assert Logger.__module__ == "aws_lambda_powertools.logging.logger"
"""

IMPORT_THE_SERIALIZER = """
import sys
import nextitem.telemetry.serializer
unwanted = ["aws_lambda_powertools", "aws_lambda_powertools.logging", "aws_lambda_powertools.tracing", "jmespath"]
assert "aws_lambda_powertools.metrics" in sys.modules
assert not [name for name in unwanted if name in sys.modules]
"""

LOAD_THE_CLIENT = """
import sys
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.valkey_store import ValkeyStore

ValkeyStore(parse_store_url(sys.argv[1]), timeout=1, ttl=60).load_client()
assert "redis.connection" in sys.modules
assert ("redis.sentinel" in sys.modules) == ("sentinel" in sys.argv[1])
"""


def run(script: str, *arguments: object) -> None:
    """Run a script in a fresh interpreter, where nothing was imported yet."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    ran = subprocess.run(command, cwd=FUNCTIONS, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_commands_and_their_errors_need_no_client(valkey: Valkey) -> None:
    run(CALL_A_SERVER, valkey.url.rpartition(":")[2].partition("/")[0])


@pytest.mark.slow
def test_a_start_imports_what_its_store_needs() -> None:
    run(LOAD_THE_CLIENT, "redis://a:1/0")
    run(LOAD_THE_CLIENT, "redis+sentinel://a:1,b/main/3")


def test_an_import_of_the_whole_package_works_as_always() -> None:
    run(IMPORT_THE_REST)


def test_metrics_need_neither_logger_nor_tracer() -> None:
    run(IMPORT_THE_SERIALIZER)
