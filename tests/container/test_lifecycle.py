"""How a container starts, stops, holds back too many requests, and replaces workers that die."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from container.refusals import OVERLOAD
from devstack.container import READY_SECONDS, Container
from devstack.deployments import eventually
from devstack.publish import demo_artifact
from devstack.stack import FUNCTIONS_DIRECTORY, KEY_SECRET, Stack
from nextitem.sessions.keys import session_key
from tests.functions.client import PATIENT

SECONDS = 20.0
PAUSE_MS = 60_000
"""In which the store does no write, unless the test ends it."""
BODY = b'{"events":[{"item_id":"tent-008","event_id":"e1"}]}'


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(artifact=demo_artifact(), max_workers=1, settings=PATIENT) as stack:
        yield stack


def connect(container: Container) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(container.url).netloc, timeout=SECONDS)


def append(container: Container, session_id: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    with closing(connect(container)) as connection:
        connection.request("POST", f"/v1/sessions/{session_id}/events", BODY)
        response = connection.getresponse()
        return response.status, response.headers, response.read()


@pytest.mark.slow
def test_too_many_requests_are_refused_before_they_queue_up(stack: Stack) -> None:
    # GIVEN a worker that does one request at a time and lets one wait, and a store that answers none
    limits = {"NEXTITEM_CONCURRENCY": "1", "NEXTITEM_QUEUE": "1"}
    with Container(stack, settings=limits) as container, ThreadPoolExecutor(6) as threads:
        with redis.Redis.from_url(stack.store_url) as store:
            store.client_pause(PAUSE_MS, all=False)
            # WHEN six come before it answers again
            requests = [threads.submit(append, container, f"crowd-{number}") for number in range(6)]
            eventually(lambda: sum(request.done() for request in requests) == 4, "four have an answer")
            store.client_unpause()
        answers = [request.result() for request in requests]

        # THEN two are answered, and the others shall come again
        assert sorted(status for status, _, _ in answers) == [200, 200, 503, 503, 503, 503]
        for status, headers, text in answers:
            if status == 503:
                assert headers["retry-after"] == "1"
                assert headers["content-type"] == "application/problem+json"
                assert json.loads(text)["detail"] == OVERLOAD
        # AND it is still alive, ready, and says how many it refused
        assert container.is_ready
        with closing(connect(container)) as connection:
            connection.request("GET", "/metrics")
            page = connection.getresponse().read().decode()
        assert total(page, "nextitem_overloaded_total") == total(page, "nextitem_server_errors_total") == 4
        assert total(page, "nextitem_requests_total") == 6
        # AND the refusals are none of its fast answers
        assert total(page, "nextitem_total_seconds_count") == total(page, "nextitem_store_read_seconds_count") == 2


def total(page: str, name: str) -> float:
    """Return the sum of a metric's series."""
    return sum(float(line.split()[-1]) for line in page.splitlines() if line.startswith(f"{name}{{"))


@pytest.mark.slow
def test_a_stop_answers_what_was_sent_and_saves_it(stack: Stack) -> None:
    with Container(stack, settings={"NEXTITEM_DRAIN_DELAY_SECONDS": "6"}) as container:
        with closing(connect(container)) as kept, ThreadPoolExecutor(1) as threads:
            kept.request("GET", "/livez")
            kept.getresponse().read()
            kept.auto_open = 0
            # GIVEN a request under way
            with redis.Redis.from_url(stack.store_url) as store:
                store.client_pause(700)
            running = threads.submit(append, container, "last-visitor")
            # WHEN the server gets the signal to stop
            container.begin_stop()
            eventually(lambda: not container.is_ready, "it is not ready")
            time.sleep(0.5)
            # THEN it still accepts connections, and lets none be used again
            assert append(container, "late-visitor")[1]["connection"] == "close"
            kept.request("GET", "/livez")
            answer = kept.getresponse()
            assert (answer.status, answer.read(), answer.headers["connection"]) == (200, b"ok\n", "close")
            # AND the request under way is answered
            assert running.result()[0] == 200
        assert container.stop() == 0
    # AND its snapshot is in the store
    with redis.Redis.from_url(stack.store_url) as store:
        fields = store.hkeys(session_key(KEY_SECRET.encode(), "last-visitor"))
    assert f"h:{stack.version}".encode() in fields


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced_and_all_map_the_same_weights(stack: Stack) -> None:
    with Container(stack, workers=2) as container:
        first, second = container.worker_pids()
        # the weights are the same pages, which no process has written to
        assert mapped_files(first) == mapped_files(second)
        assert len(mapped_files(first)) >= 1

        os.kill(first, signal.SIGKILL)
        container.child.wait_until(lambda: (first not in container.worker_pids()) or None, READY_SECONDS)
        eventually(lambda: len(container.worker_pids()) == 2, "another one takes its place")
        assert append(container, "after-a-death")[0] == 200
        assert f"worker {first} ended with -9; another one takes its place" in container.child.log_text()
        assert container.stop() == 0


def mapped_files(pid: int) -> dict[tuple[str, str], str]:
    """Return the files of the model that a process maps without having changed a page, by device and inode."""
    mapped = {}
    lines = iter(Path(f"/proc/{pid}/smaps").read_text("utf-8").splitlines())
    key = None
    for line in lines:
        fields = line.split(maxsplit=5)
        if "-" in fields[0] and len(fields) == 6:
            key = (fields[3], fields[4]) if "/nextitem/" in fields[5] else None
            name = Path(fields[5]).name
        elif key is not None and fields[0] == "Private_Dirty:" and fields[1] == "0":
            mapped[key] = name
    return mapped


@pytest.mark.parametrize(
    ("setting", "value", "line"),
    [
        ("NEXTITEM_PORT", "http", "NEXTITEM_PORT must be a whole number from 0 to 65535, not 'http'"),
        ("NEXTITEM_BUCKET", "", "NEXTITEM_BUCKET is not set; it is required"),
        ("NEXTITEM_HOST", "192.0.2.1", "cannot listen on 192.0.2.1:0 (NEXTITEM_HOST, NEXTITEM_PORT): "),
    ],
)
def test_a_wrong_setting_ends_it_with_one_line(setting: str, value: str, line: str) -> None:
    environment = {
        "NEXTITEM_BUCKET": "models",
        "NEXTITEM_STORE_URL": "redis://127.0.0.1",
        "NEXTITEM_KEY_SECRET": "a secret of the tests",
        "NEXTITEM_PORT": "0",
        setting: value,
    }
    command = [sys.executable, "-m", "container"]
    ran = subprocess.run(
        command, env=environment, cwd=FUNCTIONS_DIRECTORY, capture_output=True, text=True, timeout=SECONDS, check=False
    )

    assert ran.returncode == 1
    assert ran.stderr.startswith(line)
    assert ran.stderr.count("\n") == 1
