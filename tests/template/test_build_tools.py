"""The tools of the build: search for an interpreter, description of an artifact, arguments of a deployment."""

import shlex
import subprocess
from pathlib import Path

import pytest

from devstack.build import aws_arguments
from devstack.build.artifact import MAX_UNZIPPED_BYTES, Artifact, describe, main, objections

ROOT = Path(__file__).parents[2]
FINDER = ROOT / "devstack/build/python313.sh"
SYSTEM_PATH = "/usr/bin:/bin"


def executable(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def find(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the search where only `environment` can name an interpreter."""
    shim = executable(tmp_path / "shims/python3.13", "exit 127")
    known = {"PATH": f"{shim.parent}:{SYSTEM_PATH}", "PYENV_ROOT": str(tmp_path / "pyenv"), "HOME": str(tmp_path)}
    return subprocess.run([FINDER], env=known | environment, capture_output=True, text=True, check=False)


def elf(machine: int) -> bytes:
    return b"\x7fELF" + bytes(14) + machine.to_bytes(2, "little") + bytes(44)


def test_a_failing_shim_is_skipped(tmp_path: Path) -> None:
    real = executable(tmp_path / "pyenv/versions/3.13.9/bin/python3.13", 'echo "$0"')

    assert find(tmp_path).stdout == f"{real}\n"


def test_a_named_interpreter_goes_first(tmp_path: Path) -> None:
    executable(tmp_path / "pyenv/versions/3.13.9/bin/python3.13", 'echo "$0"')
    named = executable(tmp_path / "own/python", 'echo "$0"')

    assert find(tmp_path, PYTHON313=str(named)).stdout == f"{named}\n"


def test_a_named_interpreter_that_does_not_run_is_an_error(tmp_path: Path) -> None:
    executable(tmp_path / "pyenv/versions/3.13.9/bin/python3.13", 'echo "$0"')

    result = find(tmp_path, PYTHON313="/nowhere/python")

    assert result.returncode == 1
    assert result.stdout == ""
    assert "PYTHON313=/nowhere/python is not a working Python 3.13" in result.stderr


def test_without_an_interpreter_the_error_says_what_to_install(tmp_path: Path) -> None:
    executable(tmp_path / "shadow/python3.13", "exit 1")
    result = find(tmp_path, PATH=f"{tmp_path / 'shadow'}:{SYSTEM_PATH}")

    assert result.returncode == 1
    assert "pyenv install 3.13" in result.stderr
    assert "PYTHON313=" in result.stderr


def test_a_digest_notices_content_name_and_mode(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text("x = 1\n")
    digests = [describe(tmp_path).digest]

    file.write_text("x = 2\n")
    digests.append(describe(tmp_path).digest)
    file.chmod(0o700)
    digests.append(describe(tmp_path).digest)
    file.rename(tmp_path / "other.py")
    digests.append(describe(tmp_path).digest)

    assert len(set(digests)) == len(digests)


def test_a_library_for_another_processor_is_refused(tmp_path: Path) -> None:
    (tmp_path / "library.so").write_bytes(elf(62))
    (tmp_path / "two.so").write_bytes(elf(183))

    (sentence,) = objections(describe(tmp_path), "arm64")

    assert sentence == "The native libraries are for arm64, x86_64; the function is for arm64."


def test_a_package_beyond_lambdas_limit_is_refused() -> None:
    artifact = Artifact("", MAX_UNZIPPED_BYTES + 1, 0, frozenset({"x86_64"}))

    (sentence,) = objections(artifact, "x86_64")
    assert str(MAX_UNZIPPED_BYTES) in sentence


def test_exit_codes_and_messages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit = tmp_path / "fit"
    fit.mkdir()
    (fit / "library.so").write_bytes(elf(62))

    assert main([str(fit), "--architecture", "x86_64"]) == 0
    assert capsys.readouterr().err == ""
    assert main([str(fit), "--architecture", "arm64"]) == 1
    assert "the function is for arm64" in capsys.readouterr().err
    assert main([str(tmp_path / "none"), "--architecture", "arm64"]) == 2
    assert "make build" in capsys.readouterr().err


def test_the_aws_cli_gets_the_settings_of_an_environment(capsys: pytest.CaptureFixture[str]) -> None:
    assert aws_arguments.main([str(ROOT / "samconfig.toml"), "staging"]) == 0
    assert shlex.split(capsys.readouterr().out) == [
        *("--stack-name", "nextitem-staging", "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"),
        *("--parameter-overrides", "DeploymentType=AllAtOnce", "StoreMaxGigabytes=1"),
    ]
    assert aws_arguments.main([str(ROOT / "samconfig.toml"), "moon"]) == 1
    assert "no environment moon" in capsys.readouterr().err
