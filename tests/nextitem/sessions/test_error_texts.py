"""Errors of the store, in the words that reach a log: no password, key, item or event id, whatever the server says."""

import traceback

import pytest

from devstack.processes.children import LOOPBACK
from nextitem.errors import SettingsError, StoreUnavailable
from nextitem.redis_client.url import parse_store_url
from nextitem.sessions.session import SessionKey
from nextitem.sessions.valkey_store import ValkeyStore
from tests.nextitem.parts import HASH_KEY, PATIENCE_SECONDS, VERSION, soon
from tests.nextitem.sessions.log_contract import add, event
from tests.nextitem.sessions.scripted_server import ScriptedServer

HUSH = "hush-hush-hush"
KEY = SessionKey("nextitem:secret-key", HASH_KEY)
SHAPES = ["redis", "redis+cluster", "redis+sentinel"]
TEXTS = [
    b"-ERR unknown command `AUTH`, with args beginning with: %b\r\n",
    b"-ERR AUTH %b called without any password configured\r\n",
    b"-ERR invalid password\r\n",
    b"-WRONGPASS %b is wrong\r\n",
    b"-NOAUTH %b\r\n",
    b"-NOPERM user may not use %b\r\n",
    b"-LOADING %b\r\n",
    b"-READONLY %b\r\n",
    b"-CLUSTERDOWN %b\r\n",
    b"-OOM %b\r\n",
    b"-NOSCRIPT %b\r\n",
    b"-WRONGTYPE %b\r\n",
    b"-MOVED 1 %b\r\n",
    b"-MOVED %b\r\n",
    b"-ASK 1 %b:x\r\n",
    b"-%b\r\n",
    b"+%b\r\n",
    b"%b\r\n",
    b"$%b\r\n",
    b"*1\r\n-ERR %b\r\n",
]


def words(error: BaseException) -> str:
    """Return all that a log might hold of an error."""
    return "".join(traceback.format_exception(error)) + repr(error)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_an_error_of_the_login_never_quotes_the_password(shape: str, text: bytes) -> None:
    reply = text.replace(b"%b", f"app {HUSH}".encode())
    with ScriptedServer(reply) as server:
        url = f"{shape}://app:{HUSH}@{LOOPBACK}:{server.port}{'/main' if 'sentinel' in shape else ''}"
        store = ValkeyStore(parse_store_url(url), timeout=1, ttl=60)
        with pytest.raises(StoreUnavailable) as caught:
            store.ping(soon())
        store.close()
    assert HUSH not in words(caught.value)


@pytest.mark.parametrize("text", TEXTS)
def test_an_error_of_a_command_never_quotes_its_arguments(text: bytes) -> None:
    reply = text.replace(b"%b", f"{KEY} item-a".encode())
    with ScriptedServer(reply) as server:
        store = ValkeyStore(parse_store_url(f"redis://{LOOPBACK}:{server.port}"), timeout=PATIENCE_SECONDS, ttl=60)
        for verb in (
            lambda: add(store, KEY, event("a")),
            lambda: store.load(KEY, VERSION, soon()),
            lambda: store.save(KEY, VERSION, None, soon()).result(soon()),
            lambda: store.move(KEY, "other", soon()),
            lambda: store.delete(KEY, soon()),
        ):
            with pytest.raises(StoreUnavailable) as caught:
                verb()
            assert KEY not in words(caught.value)
            assert "item-a" not in words(caught.value)
        store.close()


@pytest.mark.parametrize("mark", list("?#/@:&=%[] +"))
def test_an_error_of_the_url_never_quotes_the_password(mark: str) -> None:
    for password in (f"{HUSH}{mark}", f"{mark}{HUSH}", f"{HUSH}{mark}{HUSH}", f"x{mark}{HUSH}=1"):
        for shape in SHAPES:
            with pytest.raises(SettingsError) as caught:
                parse_store_url(f"{shape}://app:{password}@store:6379/0?{HUSH}={HUSH}")
            assert HUSH not in words(caught.value)
