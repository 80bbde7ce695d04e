"""``python -m devstack --template``: the demo on a local cloud, and what it refuses."""

import itertools
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.__main__ import main
from devstack.cloud import command
from devstack.cloud.network.place import available
from devstack.env import EXPORTS
from devstack.publish import demo_artifact
from tests.devstack.test_main import devstack, recommended_after, url_in
from tests.devstack.test_stack import accepts_connections

needs_namespaces = pytest.mark.skipif(bool(available()), reason=available() or "")
TEMPLATE = ("--template", "--port", "0")
ENDING = (*TEMPLATE, "--sessions", "0", "--once")
"""Where a test expects a refusal: without one, the command ends, too."""

HEALTH_UNTIL_OK = """
import boto3, json, os, time
client = boto3.client("lambda")
for _ in range(20):  # on a busy machine the first look at the store may run out of its time
    answer = client.invoke(FunctionName=os.environ["FUNCTION"], Payload='{"operation": "health"}')
    health = json.loads(answer["Payload"].read())
    if health.get("store") == "ok":
        break
    time.sleep(0.3)
print(json.dumps(health))
"""


def in_another_terminal(folder: Path, *commands: str) -> list[str]:
    """Run commands after those of `python -m devstack env`, and return the output of each, errors included."""
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-c", "\necho ==\n".join(['eval "$(python -m devstack env)"', *commands])],
        env={"PATH": programs, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(folder), "COLUMNS": "500"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    _, *outputs = done.stdout.split("==\n")
    return outputs


def children_of(pid: int) -> set[int]:
    """Return the processes that a process has started and that still run."""
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())) | {
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    }


@pytest.mark.slow
@needs_namespaces
def test_the_demo_runs_on_the_template_until_ctrl_c(tmp_path: Path) -> None:
    # GIVEN the template's stack, with sessions from signed requests
    with devstack(*TEMPLATE, "--sessions", "3", ONCE="", TMPDIR=str(tmp_path)) as process:
        assert process.stdout is not None
        lines = list(itertools.takewhile(lambda line: "Ctrl-C" not in line, iter(process.stdout.readline, "")))
        assert lines, process.communicate()
        output = "".join(lines)
        assert "HR@20" in output
        assert "none" in next(line for line in lines if "errors" in line)
        url = url_in(next(line for line in lines if " is live on " in line))

        # WHEN another terminal uses what the first one prints
        program = HEALTH_UNTIL_OK
        artifact = demo_artifact()
        signed, unsigned, published, promoted, refused, invoked, figures = in_another_terminal(
            tmp_path,
            next(line for line in lines if line.startswith("curl ")).strip(),
            f"curl -s {url}/v1/health",
            f"as_publisher nextitem publish {artifact}",
            f"as_promoter nextitem promote {artifact.name}",
            "as_publisher nextitem availability",
            f"in_cloud {shlex.join([sys.executable, '-c', program])}",
            "python -m devstack top --json",
        )
        # THEN a signed request is served, and no other one
        assert json.loads(signed)["session_length"] == 1
        assert json.loads(unsigned) == {"message": "Forbidden"}
        # AND each actor has its own policy, and no other's
        assert published == f"{artifact.name}\n"
        assert "seen items: left out" in promoted
        assert "AccessDenied" in refused
        assert json.loads(invoked)["store"] == "ok"
        # AND the metrics are those of its function
        assert json.loads(figures)["requests"] > 3
        assert json.loads(figures)["bad_records"] == 0

        # WHEN Ctrl-C is pressed
        started = children_of(process.pid)
        assert len(started) > 3  # moto, Valkey, places, workers
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()

    # THEN everything ends, and no file is left
    assert (process.returncode, errors) == (0, "")
    assert not accepts_connections(url)
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@needs_namespaces
def test_with_an_issuer_requests_have_tokens(tmp_path: Path) -> None:
    parameters = ("JwtIssuer=https://login.example/", "JwtAudience=app", "ColdStartStrategy=snapstart")
    with devstack(*TEMPLATE, "--sessions", "3", "--parameters", *parameters, ONCE="", TMPDIR=str(tmp_path)) as process:
        assert process.stdout is not None
        lines = list(itertools.takewhile(lambda line: "Ctrl-C" not in line, iter(process.stdout.readline, "")))
        assert lines, process.communicate()
        assert "none" in next(line for line in lines if "errors" in line)
        assert any('authorization: Bearer $TOKEN_ALICE"' in line for line in lines)
        url = url_in(next(line for line in lines if " is live on " in line))
        (exports,) = tmp_path.glob(f"*/{EXPORTS}")
        token = exports.read_text().split("TOKEN_ALICE=")[1].split()[0]
        assert len(recommended_after("stove-004", url, token)) == 200
        process.send_signal(signal.SIGTERM)
        process.communicate()
    assert process.returncode == 143


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        (("Colour=blue",), "the template has no parameter Colour"),
        (("MemorySize=tea",), "MemorySize must be a number, not tea"),
        (("ColdStartStrategy=warm",), "ColdStartStrategy may be ['none', "),
        (("JwtIssuer=https://login.example/",), "JwtIssuer needs JwtAudience."),
        (("ColdStartStrategy=snapstart", "EphemeralStorage=1024"), "EphemeralStorage must be 512 MB with SnapStart."),
    ],
)
def test_parameters_that_the_template_refuses(
    parameters: tuple[str, ...],
    reason: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "available", lambda: None)
    assert main([*ENDING, "--parameters", *parameters]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith(f"--parameters: {reason}")
    assert errors.count("\n") == 1


def test_without_namespaces_it_says_why(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "available", lambda: "Network namespaces exist on Linux only.")
    assert main(ENDING) == 1
    assert (
        capsys.readouterr().err
        == "--template runs functions in network namespaces. Network namespaces exist on Linux only.\n"
    )


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--template", "--workers", "4"), "argument --workers: not with --template: "),
        (
            ("--template", "--cors", "https://shop.example"),
            "argument --cors: not with --template: use --parameters Cors",
        ),
        (
            ("--template", "--jwt", "https://login.example/"),
            "argument --jwt: not with --template: use --parameters Jwt",
        ),
        (("--template", "--functions-dir", "functions"), "argument --functions-dir: not with --template: "),
        (("--template", "--python", "python3"), "argument --python: not with --template: "),
        (("--template", "--runtime-path", "."), "argument --runtime-path: not with --template: "),
        (("--parameters", "StoreKind=nodes"), "argument --parameters: needs --template"),
        (("--template", "--parameters", "StoreKind"), "argument --parameters: StoreKind is not NAME=VALUE"),
        (("--template", "--parameters", "=nodes"), "argument --parameters: =nodes is not NAME=VALUE"),
    ],
)
def test_options_of_the_other_mode_are_usage_errors(
    options: tuple[str, ...], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2
    assert reason in capsys.readouterr().err


def run_python(program: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_demo_imports_nothing_of_the_local_cloud() -> None:
    done = run_python(
        "import sys, devstack.__main__\n"
        "parts = ('devstack.cloud', 'devstack.template', 'samtranslator')\n"
        "print([name for name in sys.modules if name.startswith(parts)])"
    )
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.slow
def test_a_package_of_development_that_is_missing_is_named() -> None:
    # GIVEN the demo's packages alone
    done = run_python(
        "import sys\n"
        "sys.modules['samtranslator'] = None\n"
        "from devstack.__main__ import main\n"
        "sys.exit(main(['--template', '--once', '--sessions', '0']))"
    )
    assert done.returncode == 1
    assert done.stderr == (
        "--template needs packages that the demo does not, such as samtranslator: `make install` installs them.\n"
    )
