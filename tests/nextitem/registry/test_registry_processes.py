"""Several processes that share a folder, as on Lambda Managed Instances: a version is downloaded once."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from nextitem.model.manifest import FILES, MANIFEST
from tests.nextitem.parts import BUCKET, PATIENCE_SECONDS, REGION
from tests.nextitem.registry.artifact_server import ArtifactServer

PROCESSES = 3
FUNCTIONS = Path(__file__).parents[3] / "functions"
FETCH = """
import sys
from pathlib import Path
from nextitem.aws import s3_prefetch
from nextitem.aws.object_store import ObstoreReader
from nextitem.registry.reader import Registry
s3_prefetch.READ_TIMEOUT = s3_prefetch.REQUEST_TIMEOUT  # so that delayed weights are not requested again
bucket = ObstoreReader(sys.argv[1], region=sys.argv[2], endpoint=sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
print(Registry(bucket, Path(sys.argv[4])).fetch(sys.argv[5]).folder)
"""
Process = subprocess.Popen[str]
Begin = Callable[[], Process]


@pytest.fixture
def server(demo: Path) -> Iterator[ArtifactServer]:
    with ArtifactServer(demo) as server:
        yield server


@pytest.fixture
def begin(server: ArtifactServer, demo: Path, folder: Path) -> Iterator[Begin]:
    """Start a process that fetches the demo model into the folder after `go`."""
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": str(FUNCTIONS),
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
    }
    with ExitStack() as running:

        def start() -> Process:
            process = running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", FETCH, BUCKET, REGION, server.endpoint, str(folder), demo.name],
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            running.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            return process

        yield start


def go(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def fetched(process: Process) -> str:
    """Return the folder of the version that a process fetched."""
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0
    return output.strip()


@pytest.mark.slow
def test_a_version_is_downloaded_once_for_all_processes(
    server: ArtifactServer, begin: Begin, demo: Path, folder: Path
) -> None:
    # GIVEN several processes that fetch the same version, whose weights are delayed
    server.open.clear()
    processes = [begin() for _ in range(PROCESSES)]
    for process in processes:
        go(process)
    assert server.weights_requested.acquire(timeout=PATIENCE_SECONDS)

    # WHEN the weights are sent THEN all have the version, and each file was requested once
    server.open.set()
    assert {fetched(process) for process in processes} == {str(folder / demo.name)}
    assert server.counts == dict.fromkeys((MANIFEST, *FILES), 1)
    assert list(folder.iterdir()) == [folder / demo.name]


def test_a_process_killed_during_its_download_does_not_block_others(
    server: ArtifactServer, begin: Begin, demo: Path, folder: Path
) -> None:
    # GIVEN a process that is downloading, and others that wait for it
    server.open.clear()
    first = begin()
    go(first)
    assert server.weights_requested.acquire(timeout=PATIENCE_SECONDS)
    others = [begin() for _ in range(2)]
    for process in others:
        go(process)
    assert [path.name[:10] for path in folder.iterdir()] == [".incoming-"]

    # WHEN it is killed THEN one of the others downloads for both, and the unfinished files are removed
    first.kill()
    first.wait()
    assert server.weights_requested.acquire(timeout=PATIENCE_SECONDS)
    server.open.set()
    assert {fetched(process) for process in others} == {str(folder / demo.name)}
    assert server.counts["weights.bin"] == 2
    assert list(folder.iterdir()) == [folder / demo.name]


@pytest.mark.slow
def test_a_damaged_copy_is_fetched_once_for_all_processes(
    server: ArtifactServer, begin: Begin, demo: Path, folder: Path
) -> None:
    damaged = folder / demo.name / "weights.bin"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"damaged")
    processes = [begin() for _ in range(PROCESSES)]
    for process in processes:
        go(process)
    assert {fetched(process) for process in processes} == {str(damaged.parent)}
    assert server.counts == dict.fromkeys((MANIFEST, *FILES), 1)
    assert damaged.read_bytes() == (demo / "weights.bin").read_bytes()
