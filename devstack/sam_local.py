"""``make local``: run `sam local invoke` with every event of `events/`, in AWS's container image.

Needs Docker, and the outputs of a deployed stack in `sam_local_env.json`. Without Docker it says why nothing ran.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
EVENTS = ROOT / "events"
VARIABLES = ROOT / "devstack" / "sam_local_env.json"
FUNCTION = "RecommendFunction"
PLACEHOLDER = "replace-with-"
SECRET_NAME = "NEXTITEM_KEY_SECRET_ID"  # noqa: S105 - the name of a variable
ARN_PARTS = 7
DOCKER_SECONDS = 20.0
INVOKE_SECONDS = 900.0
"""The first run downloads the image of the runtime."""
EXIT_FAILED = 1
_SERVER_ERROR = 500


def docker_fault() -> str | None:
    """Return why Docker cannot run containers, or None if it answers."""
    docker = shutil.which("docker")
    if docker is None:
        return "there is no program docker on this machine; install Docker"
    command = [docker, "info", "--format", "{{.ServerVersion}}"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=DOCKER_SECONDS, check=False)  # noqa: S603 - a fixed command
    except subprocess.TimeoutExpired:
        return f"docker does not answer within {DOCKER_SECONDS:.0f} s; start it again"
    if answer.returncode == 0:
        return None
    lines = (answer.stderr or answer.stdout).strip().splitlines() or ["no reason given"]
    return f"docker does not answer; start it ({lines[-1]})"


def settings_fault(variables: Path = VARIABLES) -> str | None:
    """Return which values of a stack are missing or wrong in the file of variables, or None."""
    settings = _settings(variables)
    missing = [name for name, value in settings.items() if value.startswith(PLACEHOLDER)]
    if missing:
        names = " and ".join(missing)
        return f"{variables.name} has no {names}; write the stack's outputs BucketName and KeySecretArn into it"
    if len(settings[SECRET_NAME].split(":")) != ARN_PARTS:
        return f"{SECRET_NAME} in {variables.name} is no ARN; write the stack's output KeySecretArn into it"
    return None


def _settings(variables: Path) -> dict[str, str]:
    settings: dict[str, str] = json.loads(variables.read_text(encoding="utf-8"))[FUNCTION]
    return settings


def invoke_command(sam: str, event: Path, variables: Path = VARIABLES) -> list[str]:
    """Return the command that invokes the built function with an event, in the region of the stack's secret.

    SAM sets the function's AWS_REGION, and the function looks for bucket and secret there.
    """
    region = _settings(variables)[SECRET_NAME].split(":")[3]
    command = [sam, "local", "invoke", FUNCTION, "--region", region]
    command += ["--event", str(event), "--env-vars", str(variables)]
    if sys.platform == "linux":  # elsewhere Docker Desktop knows the name
        command += ["--add-host", "host.docker.internal:172.17.0.1"]
    return command


def response_fault(is_http: bool, response: str) -> str | None:
    """Return the fault in what `sam local invoke` printed, or None.

    Args:
        is_http: whether the event was API Gateway's; the response then has a status.
        response: the function's response, JSON in the last line.
    """
    try:
        answer = json.loads((response.strip().splitlines() or [""])[-1])
    except ValueError:
        return "no JSON response"
    if not isinstance(answer, Mapping):
        return "no object in the response"
    if "errorMessage" in answer:
        return f"{answer.get('errorType')}: {answer['errorMessage']}"
    if not is_http:
        return None
    status = answer.get("statusCode")
    if not isinstance(status, int) or status >= _SERVER_ERROR:
        return f"status {status}"
    return None


def invoke_all(sam: str, events: Iterable[Path]) -> int:
    """Invoke the function with each event, print a line for each, and return the number of faults."""
    faults = 0
    for event in events:
        is_http = "routeKey" in json.loads(event.read_text(encoding="utf-8"))
        result = subprocess.run(  # noqa: S603 - SAM of this project
            invoke_command(sam, event),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            timeout=INVOKE_SECONDS,
            check=False,
        )
        fault = f"sam ended with {result.returncode}" if result.returncode else response_fault(is_http, result.stdout)
        faults += fault is not None
        sys.stdout.write(f"{event.name}: {fault or 'ok'}\n")
    return faults


def main(sam: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Without Docker or a stack's values nothing is invoked: exit code 0 for a person, who reads why, 1 in CI (the
    variable CI is set), which would take the silence for a success.
    """
    (program,) = sys.argv[1:] if sam is None else sam
    fault = docker_fault() or settings_fault()
    if fault is not None:
        sys.stderr.write(f"Nothing was invoked: {fault}.\n")
        return EXIT_FAILED if os.environ.get("CI") else 0
    if not Path(program).exists():
        sys.stderr.write(f"Nothing was invoked: there is no {program}; run `make build`.\n")
        return EXIT_FAILED
    return EXIT_FAILED if invoke_all(program, sorted(EVENTS.glob("*.json"))) else 0


if __name__ == "__main__":
    sys.exit(main())
