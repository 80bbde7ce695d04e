"""Versions and aliases of the template's functions answer from real workers, in their place and with their role."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devstack.cloud.iam.authority import Authority
from devstack.cloud.network.network import Network
from devstack.cloud.network.place import available
from devstack.cloud.resources import Deployment
from devstack.cloud.running.functions import CloudFunctions
from devstack.cloud.running.sandbox import LAMBDA
from devstack.processes.children import LOOPBACK, Children
from devstack.processes.errors import FunctionFailed
from tests.devstack.cloud.deployments import recommend, simulate
from tests.devstack.conftest import FUNCTIONS

pytestmark = [pytest.mark.slow, pytest.mark.skipif(available() is not None, reason=str(available()))]
LIVE = "arn:aws:lambda:eu-central-1:123456789012:function:shop-recommend:live"


def trust_of(service: str) -> dict[str, Any]:
    """Return the trust policy of a role that a service may assume."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


class Cloud:
    """Functions that run toys in place of the template's code."""

    def __init__(
        self, deployment: Deployment, functions: CloudFunctions, network: Network, authority: Authority
    ) -> None:
        self.deployment, self.functions = deployment, functions
        self.network, self.authority = network, authority

    def call(self, arn: str = LIVE, **event: Any) -> Any:
        outcome = self.functions.invoke(arn, json.dumps(event).encode())
        assert not outcome.failed, outcome.payload
        return json.loads(outcome.payload)

    def change(self, logical_id: str, **properties: Any) -> None:
        """Replace properties of a resource, as an update of the stack does."""
        resource = self.deployment.resources[logical_id]
        self.deployment.resources[logical_id] = replace(resource, properties={**resource.properties, **properties})

    def release(self) -> None:
        """Publish version 2; the alias still serves version 1."""
        function = recommend(self.deployment)
        (version,) = self.deployment.of_type("AWS::Lambda::Version")
        arn = f"{function.attributes['Arn']}:2"
        self.deployment.resources["Second"] = replace(
            version, logical_id="Second", physical_id=arn, attributes={"Version": "2", "FunctionArn": arn}
        )
        self.functions.publish()


Start = Callable[..., Cloud]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Deploy the template with a toy's handler; functions run until the end of the test."""
    with ExitStack() as resources:

        def run(handler: str = "toy.handler", service: str = LAMBDA, max_workers: int = 2, **values: str) -> Cloud:
            def edit(template: dict[str, Any]) -> None:
                template["Globals"]["Function"]["Handler"] = handler

            deployment = simulate(values, edit)
            authority = Authority(deployment.account)
            for role in deployment.of_type("AWS::IAM::Role"):
                authority.put_role(role.attributes["Arn"], trust_of(service), {})
            children = resources.enter_context(Children())
            network = resources.enter_context(Network(deployment, children, tmp_path))
            code = {function.logical_id: FUNCTIONS for function in deployment.of_type("AWS::Lambda::Function")}
            folder = tmp_path / "functions"
            folder.mkdir()
            functions = resources.enter_context(
                CloudFunctions(deployment, network, authority, children, folder, code, max_workers=max_workers)
            )
            functions.publish()
            return Cloud(deployment, functions, network, authority)

        yield run


def test_a_worker_has_the_templates_environment_in_its_place(start: Start) -> None:
    """GIVEN a version behind an alias WHEN it is invoked THEN its worker has Lambda's variables and no others."""
    cloud = start()
    described = cloud.call(do="describe")
    environment = described["environment"]

    assert described["arn"] == LIVE
    assert environment["AWS_LAMBDA_FUNCTION_VERSION"] == "1"
    assert environment["NEXTITEM_BUCKET"] == "shop-models"
    allowed = ("AWS_", "_AWS_XRAY", "_HANDLER", "_X_AMZN", "LAMBDA_", "NEXTITEM_", "POWERTOOLS_", "OPENBLAS_")
    others = {name for name in environment if not name.startswith(allowed)}
    # LC_CTYPE is what Python itself adds where a machine lacks the locale en_US.UTF-8 (PEP 538).
    assert others - {"LC_CTYPE"} == {"LANG", "TZ", "PATH", "LD_LIBRARY_PATH", "PYTHONPATH"}
    assert not [name for name in environment if name.startswith("AWS_ENDPOINT") or "CA_BUNDLE" in name]


def test_a_worker_has_its_roles_credentials(start: Start) -> None:
    cloud = start()
    environment = cloud.call(do="describe")["environment"]
    principal = cloud.authority.principal_of(environment["AWS_ACCESS_KEY_ID"])
    assert principal.arn == "arn:aws:sts::123456789012:assumed-role/RecommendRole/shop-recommend"
    assert principal.context["lambda:SourceFunctionArn"] == (recommend(cloud.deployment).attributes["Arn"],)


def test_workers_cannot_reach_this_machine(start: Start) -> None:
    """GIVEN a server on loopback of the machine WHEN a worker connects to it THEN nothing listens there."""
    with socket.create_server((LOOPBACK, 0)) as server:
        event = {"do": "gate", "gate": server.getsockname()[1]}
        outcome = start().functions.invoke(LIVE, json.dumps(event).encode())
    assert outcome.failed
    assert json.loads(outcome.payload)["errorType"] == "ConnectionRefusedError"


def test_a_version_keeps_its_properties_and_the_alias_moves(start: Start) -> None:
    cloud = start()
    function = recommend(cloud.deployment)
    variables = {**function.properties["Environment"]["Variables"], "NEXTITEM_ROUTE": "next"}
    cloud.change(function.logical_id, Environment={"Variables": variables})
    cloud.release()

    def route(arn: str) -> str:
        return str(cloud.call(arn, do="describe")["environment"]["NEXTITEM_ROUTE"])

    assert (route(LIVE), route(LIVE.replace("live", "1")), route(LIVE.replace("live", "2"))) == ("live", "live", "next")
    cloud.change("RecommendFunctionAliaslive", FunctionVersion="2")
    assert route(LIVE) == "next"


def test_weights_let_another_version_answer(start: Start) -> None:
    cloud = start()
    cloud.release()
    cloud.functions.route(LIVE, {"2": 1.0})
    assert cloud.functions.version(LIVE) == "2"
    cloud.functions.route(LIVE, {"2": 0.5})
    assert {cloud.functions.version(LIVE) for _ in range(64)} == {"1", "2"}
    cloud.functions.route(LIVE, {})
    assert cloud.functions.version(LIVE) == "1"


def test_the_unpublished_version_follows_its_configuration(start: Start) -> None:
    """GIVEN a function without versions WHEN its properties change THEN its next invocation has them."""
    cloud = start()
    name = "shop-pre-traffic"
    cloud.change("PreTrafficFunction", Handler="toy.handler")
    before = cloud.call(name, do="describe")
    assert cloud.call(name, do="describe")["pid"] == before["pid"]
    cloud.change("PreTrafficFunction", Environment={"Variables": {"NEW_VERSION_ARN": "another"}})
    after = cloud.call(name, do="describe")
    assert (before["arn"], after["environment"]["NEW_VERSION_ARN"]) == (
        LIVE.replace("recommend:live", "pre-traffic"),
        "another",
    )


@pytest.mark.parametrize("arn", ["shop-nothing", LIVE.replace("live", "next"), LIVE.replace("live", "3")])
def test_what_does_not_exist_is_not_found(start: Start, arn: str) -> None:
    with pytest.raises(LookupError):
        start().functions.invoke(arn, b"{}")


def test_a_reservation_of_nothing_turns_a_function_off(start: Start) -> None:
    cloud = start()
    cloud.change("RecommendFunction", ReservedConcurrentExecutions="0")

    outcome = cloud.functions.invoke(LIVE, b"{}")

    assert outcome.failed
    assert b"TooManyRequestsException" in outcome.payload
    cloud.change("RecommendFunction", ReservedConcurrentExecutions="1")
    cloud.call()


def test_provisioned_workers_are_started_in_advance(start: Start) -> None:
    cloud = start(ColdStartStrategy="provisioned", ProvisionedMinimum="1")
    environment = cloud.call(do="describe")["environment"]
    assert environment["AWS_LAMBDA_INITIALIZATION_TYPE"] == "provisioned-concurrency"
    assert len(cloud.functions.cold_starts(LIVE)) == 1
    cloud.functions.retire_workers()
    assert cloud.call(do="describe")["environment"]["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"


def test_under_snapstart_the_provider_serves_the_roles_credentials(start: Start) -> None:
    """GIVEN a restored worker WHEN its provider is asked with its token THEN it answers with keys of the role."""
    cloud = start(ColdStartStrategy="snapstart")
    environment = cloud.call(do="describe")["environment"]
    assert environment["AWS_LAMBDA_INITIALIZATION_TYPE"] == "snap-start"
    code = (
        "import sys, urllib.request as r;"
        "print(r.urlopen(r.Request(sys.argv[1], headers={'Authorization': sys.argv[2]})).read().decode())"
    )
    provider = [environment[f"AWS_CONTAINER_{name}"] for name in ("CREDENTIALS_FULL_URI", "AUTHORIZATION_TOKEN")]
    place = cloud.network.place_of(recommend(cloud.deployment).properties)

    answer = subprocess.run(place.command(sys.executable, "-c", code, *provider), capture_output=True, check=True)

    issued = json.loads(answer.stdout)
    assert sorted(issued) == ["AccessKeyId", "Expiration", "SecretAccessKey", "Token"]
    assert (
        cloud.authority.principal_of(issued["AccessKeyId"]).role_arn == "arn:aws:iam::123456789012:role/RecommendRole"
    )


def test_a_version_whose_init_fails_is_not_published(start: Start) -> None:
    with pytest.raises(FunctionFailed, match="exit status 7"):
        start("broken_init.handler", ColdStartStrategy="snapstart")


def test_managed_instances_run_several_processes(start: Start) -> None:
    cloud = start(ColdStartStrategy="managed-instances", ManagedConcurrency="2")
    environment = cloud.call(LIVE.replace("recommend", "recommend-managed"), do="describe")["environment"]
    assert environment["AWS_LAMBDA_MAX_CONCURRENCY"] == "2"


def test_a_role_that_lambda_may_not_assume_fails_the_invocation(start: Start) -> None:
    outcome = start(service="ec2.amazonaws.com").functions.invoke(LIVE, b"{}")
    assert outcome.failed
    assert b"cannot be assumed by Lambda" in outcome.payload
