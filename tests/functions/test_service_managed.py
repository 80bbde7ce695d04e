"""The function on Lambda Managed Instances: one environment, several processes, one folder, one log."""

import json
import os
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from devstack.deployments import eventually
from devstack.publish import demo_artifact
from devstack.stack import Stack
from nextitem.model.manifest import FILES, MANIFEST
from nextitem.registry.verdicts import VERDICT
from tests.functions.client import ATTEMPTS, PATIENT, Client, new_session
from tests.functions.promoting import promote

PROCESSES = 4
HIKE = ["tent-008", "sleep-010", "stove-003"]


def environments(store_url: str) -> dict[int, dict[str, str]]:
    """Return the environment of each running process of the function, by process id."""
    if not os.path.exists("/proc/self/environ"):  # noqa: PTH110 - a file of the kernel
        pytest.skip("only Linux shows the environment of a process in /proc")
    running = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            lines = (place / "environ").read_bytes().decode(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it ended, or is none of ours
        if f"NEXTITEM_STORE_URL={store_url}" in lines:
            running[int(place.name)] = dict(line.split("=", 1) for line in lines if line)
    return running


def busy(client: Client) -> None:
    """Send requests until each process has answered one, and many more."""
    with ThreadPoolExecutor(2 * PROCESSES) as threads:
        for _ in range(ATTEMPTS):
            sessions = [new_session() for _ in range(2 * PROCESSES)]
            replies = list(threads.map(lambda session_id: client.append(session_id, HIKE), sessions))
            assert {reply.status for reply in replies} == {200}
            if sum("cold_import_ms" in record for record in client.records()) == PROCESSES:
                return
    pytest.fail("not every process has answered")


@pytest.mark.slow
def test_one_environment_of_several_processes(other_artifact: Path, tmp_path: Path) -> None:
    # GIVEN an environment of several processes, all of which have answered
    settings = {**PATIENT, "NEXTITEM_ROUTE_TTL_SECONDS": "0.05"}
    with Stack(artifact=demo_artifact(), max_workers=1, concurrency=PROCESSES, settings=settings) as stack:
        client, store_url = Client(stack), stack.store_url
        published = downloads(stack, str(stack.version))
        busy(client)
        assert len(stack.cold_starts) == 1
        running = environments(store_url)
        assert len(running) == PROCESSES + 1  # and their parent

        # THEN the model was downloaded once and is stored once
        (home,) = {environment["NEXTITEM_MODEL_DIR"] for environment in running.values()}
        assert [path.name for path in Path(home).iterdir()] == [stack.version]
        assert downloads(stack, str(stack.version)) == published + Counter((MANIFEST, *FILES))

        # AND each line of the log is complete
        records = [json.loads(line) for line in stack.log_lines()]
        assert len([record for record in records if "_aws" in record]) >= PROCESSES
        # AND no request waited for a start: on Managed Instances the starts come first
        assert {record["cold_start"] for record in records if "operation" in record} == {0}

        # WHEN another model is promoted THEN all processes serve it after one more download
        version = promote(stack, other_artifact, tmp_path)
        with ThreadPoolExecutor(PROCESSES) as threads:

            def served(_: int) -> Any:
                return client.append(new_session(), HIKE).document["model"]["version"]

            for _ in range(ATTEMPTS // PROCESSES):
                if set(threads.map(served, range(4 * PROCESSES))) == {version}:
                    break
        looked_for = Counter({VERDICT: 1})  # by the promotion
        assert downloads(stack, version) == published + looked_for + Counter((MANIFEST, *FILES))
        assert [path.name for path in Path(home).iterdir()] == [version]

    # WHEN the stack ends THEN no process is left
    eventually(lambda: not environments(store_url), "every process has ended")


def downloads(stack: Stack, version: str) -> Counter[str]:
    """Return the number of requests per file of a version, those of its publisher included."""
    files = re.findall(rf"GET /{stack.bucket}/models/{version}/(\S+) ", stack.bucket_log())
    return Counter(files)
