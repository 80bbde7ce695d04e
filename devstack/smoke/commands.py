"""The command lines of a release: `make build`, the planted fault, `sam deploy`."""

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = ROOT / ".aws-sam" / "build"
SAM = ROOT / ".sam-venv" / "bin" / "sam"
ENVIRONMENT = "smoke"
"""Section of samconfig.toml with the capabilities and parameters."""
TAG = "nextitem:smoke"
"""Tag of stacks that a run made."""


def build_command(release: str) -> list[str]:
    """Return the command that builds a release; its name publishes a version also where no code has changed."""
    return ["make", "--silent", f"--directory={ROOT}", "build", f"RELEASE={release}"]


def deploy_command(stack: str, region: str, bucket: str, profile: str | None) -> list[str]:
    """Return the command that deploys the build and waits until traffic has moved or was rolled back."""
    command = [
        *(str(SAM), "deploy", "--config-file", str(ROOT / "samconfig.toml"), "--config-env", ENVIRONMENT),
        *("--template-file", str(BUILD / "template.yaml"), "--stack-name", stack, "--region", region),
        *("--s3-bucket", bucket, "--s3-prefix", stack, "--no-confirm-changeset", "--no-progressbar"),
        *("--tags", f"{TAG}=true"),
    ]
    return command if profile is None else [*command, "--profile", profile]


def plant(fault: str, artifact: Path) -> None:
    """Add a fault to the end of a built handler's module, and remove its compiled form, which Python would prefer."""
    module = artifact / "recommend.py"
    module.chmod(0o644)
    module.write_text(module.read_text(encoding="utf-8") + fault, encoding="utf-8")
    for compiled in artifact.rglob("__pycache__/recommend.*.pyc"):
        compiled.unlink()


def event_reason(events: Iterable[Mapping[str, str]]) -> str:
    """Return the first failure of a stack's latest operation.

    Args:
        events: of CloudFormation, newest first.
    """
    latest = itertools.takewhile(lambda event: event.get("ResourceStatusReason") != "User Initiated", events)
    failed = [event for event in latest if event.get("ResourceStatus", "").endswith("_FAILED")]
    if not failed:
        return "CloudFormation gives no reason"
    first = failed[-1]
    return f"{first.get('LogicalResourceId')}: {first.get('ResourceStatusReason', 'no reason')}"
