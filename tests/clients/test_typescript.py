"""The TypeScript client compiles, its types are those of the OpenAPI document, and its tests pass under Node's runner.

Some of them call a real stack; one of its answers is lost on the way.
"""

import os
import re
import shutil
import subprocess
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from bench.common.lossy_proxy import LossyProxy
from devstack.cloud.account import Account
from devstack.cloud.iam.authority import Authority
from devstack.cloud.iam.signatures import verify
from devstack.stack import Stack
from tests.building import ROOT, make
from tests.clients.scripted_server import ANSWER
from tests.clients.test_examples import MAX_LINES
from tests.clients.test_signatures import REGION, SERVICE
from tests.devstack.cloud.iam.recorder import Recorder

SOURCE = ROOT / "clients" / "typescript"
OLDEST_NODE = 20
README = re.findall(r"```ts\n(.*?)```", (SOURCE / "README.md").read_text(), re.DOTALL)

pytestmark = pytest.mark.slow


def run(folder: Path, *command: str, **variables: str) -> str:
    """Run a command in a folder; fail with its output if it fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NODE_")} | variables
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compiled copy of the package, with the README's example among its tests."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("the TypeScript client needs Node and npm")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S607 - looked up above
    if int(version.removeprefix("v").partition(".")[0]) < OLDEST_NODE:
        pytest.skip(f"Node {version.strip()} is older than {OLDEST_NODE}")
    make("--silent", "clients/typescript/node_modules/.package-lock.json")
    copy = tmp_path_factory.mktemp("typescript")
    for name in ("package.json", "tsconfig.json", "src", "test"):
        (shutil.copytree if (SOURCE / name).is_dir() else shutil.copy)(SOURCE / name, copy / name)
    (copy / "node_modules").symlink_to(SOURCE / "node_modules")
    (copy / "test" / "readme.ts").write_text(README[0])
    run(copy, "node_modules/.bin/tsc")
    return copy


def test_the_types_are_those_of_the_openapi_document(package: Path) -> None:
    generated = package / "generated.ts"
    options = ("--output", str(generated), "--default-non-nullable=false")
    run(package, "node_modules/.bin/openapi-typescript", str(ROOT / "docs" / "openapi.json"), *options)
    assert (SOURCE / "src" / "api.ts").read_text() == generated.read_text(), "run `make typescript`"


def test_it_passes_its_tests_against_a_real_stack(package: Path, stack: Stack) -> None:
    with LossyProxy(stack.url) as proxy:
        proxy.fail("lose answer", lambda method, path, body: "/lost-" in path, times=1)
        tests = sorted(str(path) for path in package.glob("dist/test/*.test.js"))
        shown = run(package, "node", "--test", *tests, API_URL=stack.url, LOSSY_URL=proxy.endpoint)
        assert proxy.left == 0
    passed, skipped = (int(re.findall(rf"^# {word} (\d+)$", shown, re.MULTILINE)[0]) for word in ("pass", "skipped"))
    assert passed > 30
    assert skipped == 0


def test_the_example_works_in_under_20_lines(package: Path, stack: Stack) -> None:
    assert len(README[0].splitlines()) < MAX_LINES
    shown = run(package, "node", "dist/test/readme.js", API_URL=stack.url)
    assert "left: 0 because of undefined" in shown


def test_requests_that_aws4fetch_signs_are_accepted(package: Path) -> None:
    authority = Authority(Account())
    keys = authority.assume_with_policy_arns("shop", [])
    with Recorder(msgspec.json.encode(ANSWER)) as recorder:
        variables = {
            "SERVER_URL": recorder.endpoint,
            "ACCESS_KEY": keys.access_key_id,
            "SECRET_KEY": keys.secret_access_key,
            "SESSION_TOKEN": keys.session_token,
            "REGION": REGION,
        }
        run(package, "node", "dist/test/signed.js", **variables)
    now = datetime.now(UTC)
    signers = [verify(request, authority, SERVICE, REGION, now).arn for request in recorder.requests]
    assert len(signers) == 3
    assert all(arn.endswith("assumed-role/shop/shop") for arn in signers)


def test_the_packed_package_works_alone_and_holds_only_its_code(package: Path, tmp_path: Path) -> None:
    # GIVEN what a release publishes
    make("--silent", "npm-package")
    (packed,) = (ROOT / ".build" / "npm").glob("nextitem-client-*.tgz")
    with tarfile.open(packed) as archive:
        files = {name.removeprefix("package/") for name in archive.getnames()}
    assert {"dist/src/index.js", "dist/src/index.d.ts"} <= files
    assert {name for name in files if not name.startswith("dist/src/")} == {"package.json", "README.md"}
    # WHEN a project without other packages installs it THEN Node imports it
    (tmp_path / "package.json").write_text('{"private": true, "type": "module"}')
    run(tmp_path, "npm", "install", "--offline", "--no-audit", "--no-fund", str(packed))
    assert {path.name for path in (tmp_path / "node_modules").iterdir()} == {"nextitem-client", ".package-lock.json"}
    script = "import { Client, EventQueue } from 'nextitem-client'; console.log(Client.name, EventQueue.name)"
    assert run(tmp_path, "node", "--input-type=module", "--eval", script) == "Client EventQueue\n"
