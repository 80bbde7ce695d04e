"""A Lambda function's configuration, and the environment variables of its workers.

The variables are those that Lambda documents for Python runtimes. A worker gets these and the function's settings,
and nothing from the environment of devstack itself.
"""

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from devstack.processes.listener import listen
from devstack.services.bucket import ACCESS_KEY, REGION

ACCOUNT_ID = "123456789012"
"""The account of the examples in AWS's documents."""
VERSION = "$LATEST"
INIT_SECONDS = 10.0
"""Lambda's limit for the init phase of an environment that an invocation waits for."""
LONG_INIT_SECONDS = 130.0
"""Lambda's limit for the init phase elsewhere, unless the function's timeout is longer."""
CREDENTIALS_PATH = "/2021-04-23/credentials"
"""Path of the container credentials provider, which replaces the keys under SnapStart, as on Lambda."""
CREDENTIALS_TOKEN = "devstack, no token"  # noqa: S105 - no secret


class Sandbox(Protocol):
    """Where the workers of a function run, with which variables and credentials, if not with devstack's own."""

    def listen(self) -> socket.socket:
        """Return a listening socket on a free port that a worker can connect to; called from any thread."""

    def command(self, argv: Sequence[str | Path], scratch: Path) -> Sequence[str | Path]:
        """Return a command that runs another one there, under the same process id, with `scratch` as its /tmp."""

    def environment(self, runtime_api: str, *, is_prepared: bool) -> dict[str, str]:
        """Return all environment variables of a worker.

        Args:
            runtime_api: ``host:port`` of the worker's own Runtime API.
            is_prepared: whether it was started before an invocation needed it.
        """

    def credentials(self) -> dict[str, str]:
        """Return the answer of the container credentials provider."""


@dataclass(frozen=True)
class Function:
    """One function, as a template describes it."""

    directory: Path
    """Its code (CodeUri), or a built artifact: the working directory of its workers."""
    handler: str = "recommend.handler"
    name: str = "nextitem"
    python: Path = field(default_factory=lambda: Path(sys.executable))
    """Interpreter of the workers; `awslambdaric` must be installed there or in `runtime_path`."""
    runtime_path: Path | None = None
    """Directory with `awslambdaric` for that interpreter (Lambda's /var/runtime), or None."""
    timeout_seconds: float = 10.0
    snap_start: bool = False
    """True if workers stop at the end of their init, as for SnapStart's snapshot, until an invocation comes."""
    concurrency: int | None = None
    """Invocations that run at once in one worker, each in a process of its own, as on Lambda Managed Instances. None:
    on demand, where a worker is one process with one invocation at a time."""
    memory_mb: int = 1769
    """Reported to the function, not enforced. 1,769 MB are one vCPU on Lambda."""
    settings: Mapping[str, str] = field(default_factory=dict)
    sandbox: Sandbox | None = None
    """None: workers run on this machine as they are, and get devstack's keys."""

    @property
    def processes(self) -> int:
        """Number of processes in one worker."""
        return self.concurrency or 1

    def init_seconds(self, *, is_prepared: bool, is_second_try: bool = False) -> float:
        """Return the limit for the init phase, in seconds.

        It is short only on demand, where an overdue init is tried again within the function's timeout. Managed
        instances, provisioned concurrency and SnapStart make environments in advance,
        https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html.

        Args:
            is_prepared: whether the worker is started before an invocation needs it.
            is_second_try: whether an init was overdue before.
        """
        if not self.is_on_demand(is_prepared=is_prepared):
            return max(LONG_INIT_SECONDS, self.timeout_seconds)
        return self.timeout_seconds if is_second_try else INIT_SECONDS

    def is_on_demand(self, *, is_prepared: bool) -> bool:
        """Tell whether a worker is started when an invocation needs it; for the argument see `init_seconds`."""
        return not is_prepared and not self.snap_start and self.concurrency is None

    @property
    def arn(self) -> str:
        """Amazon resource name."""
        return f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{self.name}"

    def listen(self) -> socket.socket:
        """Return a listening socket for the Runtime API of one worker."""
        return listen() if self.sandbox is None else self.sandbox.listen()

    def command(self, scratch: Path) -> Sequence[str | Path]:
        """Return the command line of a worker process."""
        argv = (self.python, "-m", "awslambdaric", self.handler)
        return argv if self.sandbox is None else self.sandbox.command(argv, scratch)

    def credentials(self) -> dict[str, str]:
        """Return the answer of the container credentials provider."""
        if self.sandbox is not None:
            return self.sandbox.credentials()
        expires = datetime.now(UTC) + timedelta(hours=1)
        return credentials_document(ACCESS_KEY, ACCESS_KEY, ACCESS_KEY, expires)

    def environment(self, runtime_api: str, scratch: Path, *, is_prepared: bool = False) -> dict[str, str]:
        """Return the environment variables of one worker.

        Args:
            runtime_api: ``host:port`` of the worker's own Runtime API.
            scratch: the worker's own directory for temporary files, as every worker on Lambda has its own /tmp.
            is_prepared: whether it was started before an invocation needed it.
        """
        if self.sandbox is not None:
            return self.sandbox.environment(runtime_api, is_prepared=is_prepared)
        python_path = {"PYTHONPATH": str(self.runtime_path)} if self.runtime_path else {}
        return {
            "PATH": os.defpath,
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "TMPDIR": str(scratch),
            "NEXTITEM_MODEL_DIR": str(scratch / "nextitem"),
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",  # makes awslambdaric write UTF-8 JSON
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory_mb),
            "AWS_LAMBDA_FUNCTION_VERSION": VERSION,
            "AWS_LAMBDA_INITIALIZATION_TYPE": self._initialization_type(is_prepared=is_prepared),
            "AWS_LAMBDA_RUNTIME_API": runtime_api,
            "LAMBDA_TASK_ROOT": str(self.directory),
            "_HANDLER": self.handler,
            **python_path,
            **({} if self.concurrency is None else {"AWS_LAMBDA_MAX_CONCURRENCY": str(self.concurrency)}),
            **(credentials_provider(runtime_api) if self.snap_start else self._keys()),
            **self.settings,
        }

    def _initialization_type(self, *, is_prepared: bool) -> str:
        """Return a value of https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html."""
        if self.concurrency is not None:
            return "lambda-managed-instances"
        if self.snap_start:
            return "snap-start"
        return "provisioned-concurrency" if is_prepared else "on-demand"

    @staticmethod
    def _keys() -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": ACCESS_KEY}


def credentials_document(key_id: str, secret_key: str, token: str, expires: datetime) -> dict[str, str]:
    """Return credentials in the format of a container credentials provider."""
    return {
        "AccessKeyId": key_id,
        "SecretAccessKey": secret_key,
        "Token": token,
        "Expiration": expires.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def credentials_provider(runtime_api: str) -> dict[str, str]:
    """Return the variables that name the container credentials provider of a Runtime API."""
    return {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{runtime_api}{CREDENTIALS_PATH}",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": CREDENTIALS_TOKEN,
    }
