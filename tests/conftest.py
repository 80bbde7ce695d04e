"""What several rooms test and takes long to make: the function, built once as it would be deployed."""

import subprocess
from pathlib import Path

import pytest

from tests.building import ROOT, build, make


@pytest.fixture(scope="session")
def python313() -> Path:
    """A Python 3.13, Lambda's version; where there is none, the tests that need it are skipped."""
    found = subprocess.run([ROOT / "devstack/build/python313.sh"], capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip(found.stderr.strip())
    return Path(found.stdout.strip())


@pytest.fixture(scope="session")
def built_function(python313: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The function built from the sources as they are now; an older build in .aws-sam would prove nothing."""
    return build(tmp_path_factory.mktemp("build") / "artifact", python313)


@pytest.fixture(scope="session")
def runtime_client(python313: Path) -> Path:
    """Directory with Lambda's runtime client for Python 3.13."""
    make("--silent", "runtime-client", PYTHON313=str(python313))
    return ROOT / ".build" / "runtime313"
