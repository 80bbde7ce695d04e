"""Fixtures that several folders share: the built function and its interpreter, and threads that take turns often."""

import gc
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.building import ROOT, build, make

pytest.register_assert_rewrite(
    "tests.nextitem.sessions.move_contract",
    "tests.nextitem.sessions.impression_contract",
    "tests.nextitem.sessions.log_contract",
    "tests.nextitem.sessions.snapshot_contract",
    "tests.nextitem.aws.object_store_contract",
    "tests.nextitem.sessions.unavailable_store_contract",
)


def pytest_configure() -> None:
    """Let programs that tests start be ended by signals that they would inherit as ignored.

    Jobs in the background of a shell ignore SIGINT, those under `nohup` SIGHUP.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with slow tests first: a process that begins a long file last would keep the run waiting."""
    with_slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in with_slow)


def pytest_collection_finish() -> None:
    """Look for garbage less often, and not among the objects of a million imported lines: a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture
def _often_switched() -> Iterator[None]:
    """Let threads take turns after some instructions each, so that races that are rare become frequent."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.fixture(scope="session")
def python313() -> Path:
    """A Python 3.13, Lambda's version; without it the tests that need it are skipped."""
    search = subprocess.run([ROOT / "devstack/build/python313.sh"], capture_output=True, text=True, check=False)
    if search.returncode:
        pytest.skip(search.stderr.strip())
    return Path(search.stdout.strip())


@pytest.fixture(scope="session")
def built_function(python313: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The function, built from the current sources."""
    return build(tmp_path_factory.mktemp("build") / "artifact", python313)


@pytest.fixture(scope="session")
def runtime_client(python313: Path) -> Path:
    """Directory with Lambda's runtime client for Python 3.13."""
    make("--silent", "runtime-client", PYTHON313=str(python313))
    return ROOT / ".build" / "runtime313"
