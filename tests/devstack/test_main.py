"""``python -m devstack`` in a real process, with the real function and the demo model."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.request import urlopen

import pytest

from devstack.__main__ import main
from tests.devstack.test_stack import accepts_connections

PATIENCE_SECONDS = 180.0
ORIGIN = "http://localhost:8000"
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"}


@contextmanager
def devstack(*options: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command; kill it if it still runs long after the test."""
    with subprocess.Popen(
        [sys.executable, "-m", "devstack", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT | variables,
    ) as command:
        watchdog = threading.Timer(PATIENCE_SECONDS, command.kill)
        watchdog.start()
        try:
            yield command
        finally:
            watchdog.cancel()
            command.kill()


def url_in(line: str) -> str:
    (url,) = (word for word in line.split() if word.startswith("http://"))
    return url


def recommended_after(item_id: str, url: str, token: str) -> set[str]:
    connection = HTTPConnection(url.removeprefix("http://"), timeout=PATIENCE_SECONDS)
    body = json.dumps({"item_ids": [item_id], "limit": 200})
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    with closing(connection):
        connection.request("POST", "/v1/recommendations", body, headers)
        answer = json.load(connection.getresponse())
    assert "recommendations" in answer, answer
    return {item["item_id"] for item in answer["recommendations"]}


@pytest.mark.slow
def test_once_replays_prints_the_table_and_exits() -> None:
    options = ("--port", "0", "--sessions", "20", "--jwt", "https://login.example/", "--cors", ORIGIN, "--lake")
    with devstack(*options, ONCE="1") as command:
        output, errors = command.communicate()

    assert (command.returncode, errors) == (0, "")
    for part in ("is recommended", "HR@20", "cold starts", "session 100.0%", "s3://nextitem-models/lake"):
        assert part in output
    # Neither a command to try nor tokens: the server has ended
    assert not any(part in output for part in ("Try it", "curl", "TOKEN_"))
    assert not accepts_connections(url_in(next(line for line in output.splitlines() if " is live on " in line)))


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
@pytest.mark.slow
def test_it_serves_until_a_signal(how: signal.Signals, code: int) -> None:
    with devstack("--port", "0", "--sessions", "0", "--jwt", "https://login.example/") as command:
        assert command.stdout is not None
        lines = iter(command.stdout.readline, "")
        url = url_in(next(line for line in lines if " is live on " in line))
        invitation = "".join(itertools.takewhile(lambda line: "Ctrl-C" not in line, lines))
        for part in (
            "TOKEN_ALICE=",
            "TOKEN_BOB=",
            'authorization: Bearer $TOKEN_ALICE"',
            f"curl -s {url}/",
            f"{url}/docs",
        ):
            assert part in invitation
        assert accepts_connections(url)
        for path in ("/docs", "/openapi.json"):
            with urlopen(url + path) as page:  # noqa: S310 - of the stack
                assert page.status == 200
        token = invitation.split("TOKEN_ALICE=")[1].split()[0]
        recommended = recommended_after("stove-004", url, token)
        assert "stove-004" not in recommended  # a seen item, which the demo's route leaves out
        assert len(recommended) == 200

        command.send_signal(how)
        _, errors = command.communicate()

    assert (command.returncode, errors) == (code, "")
    assert not accepts_connections(url)


@pytest.mark.slow
def test_a_failing_function_is_reported_and_exits_with_1(tmp_path: Path) -> None:
    (tmp_path / "recommend.py").write_text("def handler(event, context):\n    raise RuntimeError('out of tea')\n")

    with devstack("--port", "0", "--sessions", "2", "--once", "--functions-dir", str(tmp_path)) as command:
        output, errors = command.communicate()

    assert (command.returncode, errors) == (1, "")
    assert "x 500" in output
    assert "out of tea" in output


@pytest.mark.slow
def test_a_file_of_items_becomes_the_catalogue(tmp_path: Path) -> None:
    items = tmp_path / "items.csv"
    items.write_text("item_id,title\ntea-001,the first tea\n")
    with devstack("--port", "0", "--sessions", "0", "--items", str(items)) as command:
        assert command.stdout is not None
        url = url_in(next(line for line in command.stdout if " is live on " in line))
        with urlopen(f"{url}/devstack/api/attributes?item_id=tea-001") as answer:  # noqa: S310 - of the stack
            assert json.load(answer) == {"tea-001": {"title": "the first tea"}}


@pytest.mark.slow
def test_a_wrong_file_of_items_is_one_line_of_error(tmp_path: Path) -> None:
    items = tmp_path / "items.csv"
    items.write_text("item_id,title\ntea-001,one\ntea-001,two\n")
    with devstack("--port", "0", "--once", "--items", str(items)) as command:
        _, errors = command.communicate()
    assert command.returncode == 1
    assert errors.startswith(f"{items}, line 3, column 'item_id'")
    assert errors.count("\n") == 1


@pytest.mark.slow
def test_a_run_is_to_be_exported_first(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with devstack("--port", "0", "--once", "--artifact", str(tmp_path)) as command:
        _, errors = command.communicate()
    assert command.returncode == 1
    assert errors.startswith(f"{tmp_path} is a training run, not an artifact. Export it first")
    assert errors.count("\n") == 1


@pytest.mark.slow
def test_a_port_in_use_is_one_line_of_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with devstack("--port", str(port), "--once") as command:
            _, errors = command.communicate()

    assert command.returncode == 1
    assert errors.startswith(f"Port {port} of 127.0.0.1 cannot be used")
    assert "--port" in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    "options",
    [
        *(("--workers", "0"), ("--sessions", "-1"), ("--port", "tea")),
        *(("--cors", "*"), ("--cors", "shop.example"), ("--cors", "https://shop.example/")),
        *(("--jwt", "login.example"), ("--jwt", "http://login.example")),
    ],
)
def test_options_out_of_range_are_usage_errors(options: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2
    assert f"argument {options[0]}" in capsys.readouterr().err
