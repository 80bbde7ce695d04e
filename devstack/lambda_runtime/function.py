"""What one Lambda function is made of, and the environment that its workers see.

The variables are those that Lambda documents for Python runtimes; a worker gets these and the
function's settings, and nothing of the environment that the stack was started in.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devstack.services.bucket import ACCESS_KEY, REGION

ACCOUNT_ID = "123456789012"
VERSION = "$LATEST"
CREDENTIALS_PATH = "/credentials"
"""Of the container credentials provider that stands in for the keys under SnapStart, as on Lambda."""
CREDENTIALS_TOKEN = "devstack, no token"  # noqa: S105 - as it says


@dataclass(frozen=True)
class Function:
    """One function as a template would describe it."""

    directory: Path
    """Its code (CodeUri), or a built artifact: the working directory of its workers."""
    handler: str = "recommend.handler"
    name: str = "nextitem"
    python: Path = field(default_factory=lambda: Path(sys.executable))
    """Interpreter of the workers; it needs `awslambdaric`, its own or that of `runtime_path`."""
    runtime_path: Path | None = None
    """Directory with `awslambdaric` for that interpreter (Lambda's /var/runtime), or None."""
    timeout_seconds: float = 10.0
    snap_start: bool = False
    """Whether its workers stop at the end of their init, as for SnapStart's snapshot, until they are wanted."""
    concurrency: int | None = None
    """Invocations that run at once in one worker, each in a process of its own, as on Lambda Managed Instances; or
    None, as on demand: one, in the worker's only process."""
    memory_mb: int = 1769
    """Only told to the function: one vCPU's worth by Lambda's rule, not enforced here."""
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def processes(self) -> int:
        """How many processes of one worker ask for invocations."""
        return self.concurrency or 1

    @property
    def arn(self) -> str:
        """Amazon resource name, with the made-up account of AWS's own documents."""
        return f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{self.name}"

    def command(self) -> tuple[str | Path, ...]:
        """The argument vector of a worker process."""
        return (self.python, "-m", "awslambdaric", self.handler)

    def environment(self, runtime_api: str, scratch: Path) -> dict[str, str]:
        """Environment variables of one worker.

        Args:
            runtime_api: ``host:port`` of the worker's own Runtime API.
            scratch: the worker's own directory for temporary files: on Lambda, too, every worker
                has a /tmp of its own, which its processes share.
        """
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
            "AWS_LAMBDA_INITIALIZATION_TYPE": self._initialization(),
            "AWS_LAMBDA_RUNTIME_API": runtime_api,
            "LAMBDA_TASK_ROOT": str(self.directory),
            "_HANDLER": self.handler,
            **python_path,
            **({} if self.concurrency is None else {"AWS_LAMBDA_MAX_CONCURRENCY": str(self.concurrency)}),
            **(self._container(runtime_api) if self.snap_start else self._keys()),
            **self.settings,
        }

    def _initialization(self) -> str:
        """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html lists them."""
        if self.concurrency is not None:
            return "lambda-managed-instances"
        return "snap-start" if self.snap_start else "on-demand"

    @staticmethod
    def _keys() -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": ACCESS_KEY}

    @staticmethod
    def _container(runtime_api: str) -> dict[str, str]:
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{runtime_api}{CREDENTIALS_PATH}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": CREDENTIALS_TOKEN,
        }
