"""The container entry point as child processes: `python -m container` beside a stack, on its bucket and its store.

Example:
    ``with Stack(artifact=demo_artifact()) as stack, Container(stack, workers=2) as container: get(container.url)``
"""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import mkdtemp
from typing import Self
from urllib.parse import urlsplit

from container.supervisor import SERVES
from devstack.processes.children import LOOPBACK, Child, Children
from devstack.services.bucket import ACCESS_KEY, REGION
from devstack.stack import FUNCTIONS_DIRECTORY, Stack

STOP_SECONDS = 40.0
"""Maximum time from SIGTERM to the end."""
READY_SECONDS = 60.0
"""Maximum time until it serves: several of them share a laptop's cores."""
PROBE_SECONDS = 2.0
DELAY_SECONDS = 0.5
"""From SIGTERM until no connection is accepted any more, unless a setting says otherwise."""
STATUS_OK = 200


class Container:
    """A running server inside its ``with`` block; at its end every process of it is killed.

    Args:
        stack: whose bucket, store and settings it uses.
        workers: its worker processes.
        settings: environment variables; they override those of the stack.
        program: arguments of the interpreter that start it.

    Attributes:
        url: of the HTTP API, ``http://127.0.0.1:port``.
    """

    def __init__(
        self,
        stack: Stack,
        *,
        workers: int = 1,
        settings: Mapping[str, str] | None = None,
        program: Sequence[str] = ("-m", "container"),
    ) -> None:
        self._stack, self._workers, self._given, self._program = stack, workers, settings or {}, program
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        self._children = self._resources.enter_context(Children())
        try:
            self.start()
        except BaseException:
            self._resources.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def start(self, port: int = 0) -> None:
        """Start it and wait until it serves; `stop` has ended the one before, if there was one.

        Args:
            port: to listen on; 0 takes a free one.

        Raises:
            StackError: it did not start.
        """
        folder = Path(mkdtemp(prefix="container-", dir=self._stack.directory))
        environment = {
            "PATH": os.defpath,
            "PYTHONPATH": str(FUNCTIONS_DIRECTORY),
            "TMPDIR": str(folder),
            "NEXTITEM_MODEL_DIR": str(folder / "nextitem"),
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
            "NEXTITEM_HOST": LOOPBACK,
            "NEXTITEM_PORT": str(port),
            "NEXTITEM_WORKERS": str(self._workers),
            "NEXTITEM_DRAIN_DELAY_SECONDS": str(DELAY_SECONDS),
            **self._stack.function_settings,
            **self._given,
        }
        self._child = self._children.start(
            "container",
            [sys.executable, *self._program],
            env=environment,
            cwd=FUNCTIONS_DIRECTORY,
            log=folder / "container.log",
        )
        address = self._child.wait_until(lambda: served_address(self._child), READY_SECONDS)
        self.url = f"http://{address}"

    @property
    def child(self) -> Child:
        """The supervisor's process."""
        return self._child

    @property
    def is_ready(self) -> bool:
        """Whether it says that it wants requests."""
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=PROBE_SECONDS)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == STATUS_OK
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def worker_pids(self) -> list[int]:
        """Return the process ids of its workers.

        One that is just forked is none yet: if it were stopped, the supervisor would wait for it for ever (vfork).
        """
        pid = self._child.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
        return [int(child) for child in children if _runs_a_worker(child)]

    def begin_stop(self) -> None:
        """Send SIGTERM."""
        self._child.signal(signal.SIGTERM)

    def stop(self) -> int:
        """Send SIGTERM, wait for the end, and return the exit code.

        Raises:
            StackError: it did not end.
        """
        self.begin_stop()
        code = self._child.wait(STOP_SECONDS)
        self._child.kill()  # its group
        return code


def _runs_a_worker(pid: str) -> bool:
    try:
        return b"container.worker" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        return False


def served_address(child: Child) -> str | None:
    """Return the address on which a container says that it serves, ``127.0.0.1:41234``; None before that."""
    _, found, rest = child.log_text().partition(SERVES)
    return rest.partition('"')[0] if found and '"' in rest else None
