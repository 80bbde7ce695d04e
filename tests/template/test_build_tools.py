"""The tools beside the build: finding an interpreter, and describing an artifact."""

import subprocess
from pathlib import Path

import pytest

from devstack.build.artifact import MAX_UNZIPPED_BYTES, Artifact, describe, main, objections

FINDER = Path(__file__).parents[2] / "devstack/build/python313.sh"
SYSTEM_PATH = "/usr/bin:/bin"


def executable(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def find(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the finder where no interpreter is known but through `environment`."""
    shim = executable(tmp_path / "shims/python3.13", "exit 127")
    known = {"PATH": f"{shim.parent}:{SYSTEM_PATH}", "PYENV_ROOT": str(tmp_path / "pyenv"), "HOME": str(tmp_path)}
    return subprocess.run([FINDER], env=known | environment, capture_output=True, text=True, check=False)


def elf(machine: int) -> bytes:
    return b"\x7fELF" + bytes(14) + machine.to_bytes(2, "little") + bytes(44)


def test_a_shim_that_fails_is_passed_over_for_an_interpreter_that_runs(tmp_path: Path) -> None:
    # GIVEN a failing shim on PATH, and a version that pyenv has
    real = executable(tmp_path / "pyenv/versions/3.13.9/bin/python3.13", 'echo "$0"')

    # WHEN an interpreter is looked for THEN it is the one that runs
    assert find(tmp_path).stdout == f"{real}\n"


def test_a_named_interpreter_goes_first(tmp_path: Path) -> None:
    # GIVEN one that pyenv has, and another that the user names
    executable(tmp_path / "pyenv/versions/3.13.9/bin/python3.13", 'echo "$0"')
    named = executable(tmp_path / "own/python", 'echo "$0"')

    # WHEN looked for THEN it is the named one
    assert find(tmp_path, PYTHON313=str(named)).stdout == f"{named}\n"


def test_a_named_interpreter_that_does_not_run_is_an_error_not_a_guess(tmp_path: Path) -> None:
    # GIVEN one that pyenv has, and a name that leads nowhere
    executable(tmp_path / "pyenv/versions/3.13.9/bin/python3.13", 'echo "$0"')

    # WHEN looked for
    found = find(tmp_path, PYTHON313="/nowhere/python")

    # THEN the name is refused
    assert found.returncode == 1
    assert found.stdout == ""
    assert "PYTHON313=/nowhere/python is no Python 3.13" in found.stderr


def test_without_any_interpreter_it_says_what_to_install(tmp_path: Path) -> None:
    # GIVEN nothing but a failing shim, WHEN looked for
    executable(tmp_path / "shadow/python3.13", "exit 1")
    found = find(tmp_path, PATH=f"{tmp_path / 'shadow'}:{SYSTEM_PATH}")

    # THEN the message names two ways out
    assert found.returncode == 1
    assert "pyenv install 3.13" in found.stderr
    assert "PYTHON313=" in found.stderr


def test_a_digest_notices_content_name_and_mode(tmp_path: Path) -> None:
    # GIVEN a directory with one file
    file = tmp_path / "module.py"
    file.write_text("x = 1\n")
    digests = [describe(tmp_path).digest]

    # WHEN its content, its mode and its name change in turn
    file.write_text("x = 2\n")
    digests.append(describe(tmp_path).digest)
    file.chmod(0o700)
    digests.append(describe(tmp_path).digest)
    file.rename(tmp_path / "other.py")
    digests.append(describe(tmp_path).digest)

    # THEN no two digests are equal
    assert len(set(digests)) == len(digests)


def test_a_library_for_another_processor_is_refused(tmp_path: Path) -> None:
    # GIVEN an artifact with one x86_64 and one arm64 library
    (tmp_path / "one.so").write_bytes(elf(62))
    (tmp_path / "two.so").write_bytes(elf(183))

    # WHEN described for arm64
    (sentence,) = objections(describe(tmp_path), "arm64")

    # THEN the objection names both
    assert sentence == "The native libraries are for arm64, x86_64; wanted is arm64."


def test_a_package_beyond_lambdas_limit_is_refused() -> None:
    # GIVEN one byte too many
    artifact = Artifact("", MAX_UNZIPPED_BYTES + 1, 0, frozenset({"x86_64"}))

    # WHEN judged THEN the limit is named
    (sentence,) = objections(artifact, "x86_64")
    assert str(MAX_UNZIPPED_BYTES) in sentence


def test_it_fails_like_a_command_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # GIVEN a build that is fit, one that is not, and none
    fit = tmp_path / "fit"
    fit.mkdir()
    (fit / "library.so").write_bytes(elf(62))

    # WHEN the command runs on each THEN its exit codes differ, and it says why
    assert main([str(fit), "--architecture", "x86_64"]) == 0
    assert capsys.readouterr().err == ""
    assert main([str(fit), "--architecture", "arm64"]) == 1
    assert "wanted is arm64" in capsys.readouterr().err
    assert main([str(tmp_path / "none"), "--architecture", "arm64"]) == 2
    assert "make build" in capsys.readouterr().err
