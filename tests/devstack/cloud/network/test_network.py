"""A worker's own clients reach the servers of this process over TLS inside the VPC, and nothing without a way there."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web

from devstack.cloud.network.network import Network
from devstack.cloud.network.place import PROGRAM, Place, available
from devstack.cloud.resources import Deployment
from devstack.processes.children import Children
from devstack.processes.errors import StackError
from devstack.processes.listener import Listener
from devstack.processes.loop_thread import LoopThread
from tests.devstack.cloud.deployments import BUCKET, STORE_HOST, recommend, simulate

pytestmark = pytest.mark.skipif(available() is not None, reason=str(available()))
CLIENTS = Path(__file__).with_name("clients.py")
LAMBDA = {"LANG": "en_US.UTF-8", "AWS_REGION": "eu-central-1"}
"""No variable names an endpoint or a list of certificates."""


class Servers:
    """Serves every entrance of a network: each answers with its service's name and its path."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._loop = LoopThread("servers")
        self._listeners: list[Listener] = []
        self._runners: list[web.AppRunner] = []

    def __enter__(self) -> None:
        self._loop.__enter__()
        for entrance in self._network.entrances:
            self._loop.run(self._serve(entrance.route.service, entrance))

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._close())
        self._loop.__exit__()

    async def _serve(self, service: str, entrance: Any) -> None:
        async def answer(request: web.Request) -> web.Response:
            headers = {"ETag": '"1"', "Last-Modified": "Sun, 29 Nov 2026 00:00:00 GMT"}
            return web.Response(text=f"{service} {request.path}", headers=headers)

        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        assert runner.server is not None
        self._runners.append(runner)
        self._listeners.append(Listener(entrance.listening, runner.server, entrance.tls))

    async def _close(self) -> None:
        for runner in self._runners:
            await runner.cleanup()
        for listener in self._listeners:
            await listener.close()


Start = Callable[[Deployment], Network]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the network of a deployment, with servers, until the end of the test."""
    with ExitStack() as resources:

        def run(deployment: Deployment) -> Network:
            children = resources.enter_context(Children())
            network = resources.enter_context(Network(deployment, children, tmp_path))
            resources.enter_context(Servers(network))
            return network

        yield run


def read(place: Place, client: str, argument: str) -> str:
    done = subprocess.run(
        place.command(sys.executable, CLIENTS, client, argument),
        env=LAMBDA,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ConnectionError(done.stderr)
    return done.stdout


@pytest.mark.slow
def test_the_functions_clients_trust_the_doors_and_find_them(start: Start) -> None:
    """GIVEN the template WHEN a worker uses obstore, boto3 and ssl without any setting THEN each reads over TLS."""
    deployment = simulate()
    place = start(deployment).place_of(recommend(deployment).properties)

    assert read(place, "obstore", BUCKET) == f"s3 /{BUCKET}/models/m"
    assert read(place, "boto3", BUCKET) == "s3 /models/m"
    assert read(place, "ssl", f"{STORE_HOST}:6379") == "elasticache /x"
    assert read(place, "ssl", "secretsmanager.eu-central-1.amazonaws.com:443") == "secretsmanager /x"


@pytest.mark.slow
def test_other_services_time_out_inside_the_vpc_and_answer_outside(start: Start) -> None:
    deployment = simulate()
    network = start(deployment)
    place = network.place_of(recommend(deployment).properties)

    with pytest.raises(ConnectionError, match="TimeoutError"):
        read(place, "ssl", "lambda.eu-central-1.amazonaws.com:443")
    assert read(network.internet, "ssl", "lambda.eu-central-1.amazonaws.com:443") == "lambda /x"
    with pytest.raises(ConnectionError, match="TimeoutError"):
        read(network.internet, "ssl", f"{STORE_HOST}:6379")


def remove_endpoint(template: dict[str, Any]) -> None:
    del template["Resources"]["S3Endpoint"]
    for name in ("RecommendFunction", "ManagedRecommendFunction"):
        template["Resources"][name].pop("DependsOn", None)


def remove_association(template: dict[str, Any]) -> None:
    del template["Resources"]["PrivateRoutesOfB"]
    for name in ("RecommendFunction", "ManagedRecommendFunction"):
        template["Resources"][name].pop("DependsOn", None)


def forbid_https(template: dict[str, Any]) -> None:
    rules = template["Resources"]["FunctionSecurityGroup"]["Properties"]["SecurityGroupEgress"]
    rules[0]["ToPort"] = rules[0]["FromPort"] = 80


@pytest.mark.slow
@pytest.mark.parametrize("edit", [remove_endpoint, remove_association, forbid_https])
def test_without_a_way_to_the_bucket_its_objects_cannot_be_read(start: Start, edit: Callable[..., None]) -> None:
    """GIVEN a template without a part of the way to S3 WHEN obstore reads THEN its connection times out."""
    deployment = simulate(edit=edit)
    place = start(deployment).place_of(recommend(deployment).properties)

    with pytest.raises(ConnectionError, match=r"(?i)timed? ?out|error sending request"):
        read(place, "obstore", BUCKET)


def test_hosts_that_nothing_names_are_unknown(start: Start) -> None:
    """GIVEN a place WHEN a process asks for another host THEN no resolver of the machine answers."""
    with pytest.raises(ConnectionError, match="gaierror"):
        read(start(simulate()).internet, "ssl", "example.com:443")


def test_a_command_has_its_own_tmp_and_keeps_what_it_needs(start: Start, tmp_path: Path) -> None:
    """GIVEN a scratch folder WHEN a command writes to /tmp THEN the file is there, and kept folders stay readable."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    mine = str(uuid4())
    code = f"import os, pathlib; pathlib.Path('/tmp/{mine}').write_text(os.getcwd())"
    place = start(simulate()).internet

    command = place.command(
        sys.executable, "-c", code, scratch=scratch, kept=[Path(sys.prefix), Path(sys.base_prefix), tmp_path]
    )
    subprocess.run(command, cwd=tmp_path, check=True)

    assert (scratch / mine).read_text() == str(tmp_path)
    assert not Path("/tmp", mine).exists()  # noqa: S108 - the machine's, which the command must not see


def test_a_command_gets_exactly_its_variables(start: Start) -> None:
    """GIVEN no locale, to which Python would add one WHEN a command runs THEN it has only what it was given."""
    command = start(simulate()).internet.command("/usr/bin/env")
    assert subprocess.run(command, env={"A": "1"}, capture_output=True, check=True).stdout == b"A=1\n"


def test_a_command_runs_under_the_id_of_its_process(start: Start) -> None:
    command = start(simulate()).internet.command(sys.executable, "-c", "import os; print(os.getpid())")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.communicate()[0].strip() == str(process.pid)


def test_the_namespace_ends_with_its_place(tmp_path: Path) -> None:
    with Children() as children:
        with Place("only", "192.0.2.10", children, tmp_path) as place:
            holder = str(place.command("/bin/true")[5])
            assert Path(f"/proc/{holder}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()
        assert not Path("/proc", str(holder)).exists()


def test_a_port_is_given_once(tmp_path: Path) -> None:
    with (
        Children() as children,
        Place("only", "192.0.2.10", children, tmp_path) as place,
        place.listen("10.0.0.20", 443),
        pytest.raises(StackError, match=r"only: nothing can listen: 10\.0\.0\.20:443"),
    ):
        place.listen("10.0.0.20", 443)


def test_a_place_whose_process_ends_says_so(tmp_path: Path) -> None:
    """GIVEN a mount that cannot be made WHEN the place starts THEN the error names it."""
    mounts = [(tmp_path / "missing", Path("/etc/hosts"))]
    with (
        Children() as children,
        pytest.raises(StackError, match="mount /etc/hosts: No such file"),
        Place("only", "192.0.2.10", children, tmp_path, mounts),
    ):
        pass


def test_users_without_root_can_have_places() -> None:
    """GIVEN another user, where this one is root WHEN the program is probed THEN it makes a namespace without root."""
    if os.geteuid():
        pytest.skip("the other tests run without root already")
    interpreter = Path("/usr/bin/python3")
    if not interpreter.exists():
        pytest.skip("no interpreter that other users may run")
    done = subprocess.run(
        [interpreter, "-I", "-S", "-", "probe"], input=PROGRAM.read_bytes(), user=65534, group=65534, extra_groups=[],
        capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
