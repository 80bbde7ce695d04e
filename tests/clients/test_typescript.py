"""The TypeScript client compiles, its types are those of the OpenAPI document, and its tests pass under Node's runner.

Some of them call a real stack, also from pages in a real browser; one of its answers is lost on the way.
"""

import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partialmethod
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from bench.common.loopback_http import LoopbackHttp
from bench.common.lossy_proxy import LossyProxy
from devstack.api_gateway.cors import Cors
from devstack.cloud.account import Account
from devstack.cloud.iam.authority import Authority
from devstack.cloud.iam.signatures import verify
from devstack.publish import demo_artifact
from devstack.stack import Stack
from tests.building import ROOT, make
from tests.clients.scripted_server import ANSWER
from tests.clients.test_examples import MAX_LINES
from tests.clients.test_signatures import REGION, SERVICE
from tests.devstack.cloud.iam.recorder import Recorder
from tests.functions.client import PATIENT

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


class PageHandler(SimpleHTTPRequestHandler):
    """Serves a folder. Which type a script has by Python's own list depends on the machine."""

    def guess_type(self, path: str | os.PathLike[str]) -> str:
        return "text/javascript" if str(path).endswith(".js") else super().guess_type(path)


@pytest.fixture(scope="module")
def shop(package: Path) -> Iterator[str]:
    """The address of a page that can import the package, on an origin of its own."""
    (package / "dist" / "src" / "index.html").write_text("<!doctype html><title>shop</title>")
    handler = type(
        "Shop", (PageHandler,), {"__init__": partialmethod(PageHandler.__init__, directory=package / "dist/src")}
    )
    with LoopbackHttp(handler) as server:
        yield server.endpoint


@pytest.fixture(scope="module")
def visited(shop: str) -> Iterator[LossyProxy]:
    """A stack that the page's origin may call, behind a proxy that loses answers."""
    stack = Stack(artifact=demo_artifact(), max_workers=2, settings=PATIENT, cors=Cors((shop,)))
    with stack, LossyProxy(stack.url) as proxy:
        yield proxy


@pytest.fixture
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context() as context:
        yield context


def open_page(visitor: BrowserContext, shop: str, api: str, session_id: str) -> Page:
    """Return a page with a client and the queue that all pages of the visitor share."""
    page = visitor.new_page()
    page.goto(shop)
    page.evaluate(PAGE_SCRIPT, [api, session_id])
    return page


PAGE_SCRIPT = """async ([api, id]) => {
  const { Client, EventQueue, newEvent } = await import("/index.js");
  const client = new Client(api, { retries: { timeoutMs: 60_000, attemptTimeoutMs: 20_000, firstPauseMs: 1 } });
  const queue = new EventQueue({ storage: localStorage });
  const deliver = () => client.deliver(queue, { limit: 3 });
  window.addEventListener("online", async () => { window.delivered = await deliver(); });
  Object.assign(window, {
    look: (item) => queue.add(id, newEvent(item)),
    append: (item) => client.appendEvents(id, [newEvent(item)], { limit: 3 }),
    read: () => client.getRecommendations(id, { limit: 3 }),
    deliver,
    size: () => queue.size(),
  });
}"""


def test_in_a_page_an_event_counts_once_if_the_network_drops_before_the_answer(
    visitor: BrowserContext, shop: str, visited: LossyProxy
) -> None:
    # GIVEN a page of another origin, and a network that loses the answer to its next event
    page = open_page(visitor, shop, visited.endpoint, "once")
    visited.fail("lose answer", lambda method, path, body: method == "POST", times=1)
    # WHEN the page sends an event THEN it gets the answer to the second try, and the event counts once
    answer = page.evaluate("append('tea-001')")
    assert visited.left == 0
    assert [event["status"] for event in answer["events"]] == ["duplicate"]
    assert (answer["session_length"], len(answer["recommendations"])) == (1, 3)
    assert page.evaluate("read()")["session_length"] == 1


def test_in_two_tabs_the_events_of_an_offline_visitor_arrive_in_order_and_once(
    visitor: BrowserContext, shop: str, visited: LossyProxy
) -> None:
    # GIVEN a visitor without network, who clicks in two tabs
    tabs = [open_page(visitor, shop, visited.endpoint, "offline") for _ in range(2)]
    visitor.set_offline(True)
    items = [f"tea-{number:03}" for number in range(1, 7)]
    for number, item in enumerate(items):
        tabs[number % 2].evaluate("item => look(item)", item)
    assert tabs[0].evaluate("deliver()")["left"] == len(items)
    # WHEN the network is back, and loses the first answer, THEN both tabs deliver what they share
    visited.fail("lose answer", lambda method, path, body: method == "POST", times=1)
    visitor.set_offline(False)
    for tab in tabs:
        tab.wait_for_function("window.delivered?.left === 0")
    assert visited.left == 0
    # both may have sent them; none was late, so they came in order
    statuses = {status for tab in tabs for status in tab.evaluate("delivered.statuses")}
    assert "duplicate" in statuses
    assert statuses <= {"applied", "duplicate"}
    assert tabs[1].evaluate("size()") == 0
    assert tabs[1].evaluate("read()")["session_length"] == len(items)


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
