"""Secrets Manager rotates only by a function that it may invoke, and says which step failed."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from devstack.cloud.account import Account
from devstack.cloud.aws_door.authorization import Authorizer
from devstack.cloud.aws_door.catalogue import Catalogue
from devstack.cloud.deploying.clients import Clients
from devstack.cloud.resources import Resource
from devstack.cloud.services.rotation import Rotation, RotationFailed
from devstack.lambda_runtime.invocation import Outcome, failure
from devstack.processes.children import Children
from devstack.processes.errors import StackError
from devstack.services.bucket import start_moto
from devstack.template.stack import Edit
from tests.devstack.cloud.deployments import simulate
from tests.template.edits import with_value

STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rotation, Clients]]:
    with Rotation() as rotation, Children() as children:
        endpoint, _ = start_moto(children, tmp_path_factory.mktemp("moto"), rotation.url)
        clients = Clients(endpoint, Account())
        role = clients.call("iam", "CreateRole", RoleName="rotate", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        clients.call(  # moto rotates only by a function that it has
            "lambda", "CreateFunction", FunctionName="shop-rotate-secret", Role=role, Runtime="python3.13",
            Handler="rotate_secret.handler", Code={"ZipFile": b"none"},
        )  # fmt: skip
        yield rotation, clients
        clients.close()


class Scene:
    """A secret at moto, and a rotation function whose events are kept."""

    def __init__(self, served: tuple[Rotation, Clients], plant: Edit | None = None) -> None:
        self.rotation, self._clients = served
        self.deployment = simulate(edit=plant)
        answer = self._clients.call("secretsmanager", "CreateSecret", Name=f"key-{uuid.uuid4()}", SecretString="{}")
        self.secret: str = answer["ARN"]
        self._name(self.secret)
        self.events: list[tuple[str, dict[str, str]]] = []
        self.outcomes: dict[str, Outcome | Exception] = {}
        catalogue = Catalogue(self.deployment)
        self.rotation.connect(catalogue, Authorizer(catalogue), self._invoke)

    def _name(self, secret: str) -> None:
        """Let the secret's ARN be that of moto wherever the made-up one is."""
        made_up = self.deployment.resources["KeySecret"].physical_id
        for name, found in self.deployment.resources.items():
            properties = json.loads(json.dumps(found.properties).replace(made_up, secret))
            physical_id = found.physical_id.replace(made_up, secret)
            self.deployment.resources[name] = Resource(name, found.type, properties, physical_id, found.attributes)

    def _invoke(self, function_arn: str, event: bytes) -> Outcome:
        body = json.loads(event)
        self.events.append((function_arn, body))
        outcome = self.outcomes.get(body["Step"], Outcome(b"null"))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def rotate(self) -> None:
        self.rotation.rotate(self._clients)

    @property
    def steps(self) -> list[str]:
        return [event["Step"] for _, event in self.events]


@pytest.mark.slow
def test_the_function_gets_four_steps_with_the_secrets_arn(served: tuple[Rotation, Clients]) -> None:
    scene = Scene(served)

    scene.rotate()

    assert scene.steps == STEPS
    assert {function for function, _ in scene.events} == {Account().arn("lambda", "function:shop-rotate-secret")}
    assert {event["SecretId"] for _, event in scene.events} == {scene.secret}
    assert len({event["ClientRequestToken"] for _, event in scene.events}) == 1


@pytest.mark.parametrize(
    "plant",
    [
        with_value("SecretsManagerMayRotate", "Principal", "lambda.amazonaws.com"),
        with_value("SecretsManagerMayRotate", "SourceAccount", "210987654321"),
        with_value("SecretsManagerMayRotate", "SourceArn", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x"),
        with_value("SecretsManagerMayRotate", "FunctionName", {"Ref": "PreTrafficFunction"}),
        with_value("SecretsManagerMayRotate", "Action", "lambda:GetFunction"),
    ],
    ids=["another service", "another account", "another secret", "another function", "another action"],
)
@pytest.mark.slow
def test_without_permission_the_function_is_not_invoked(served: tuple[Rotation, Clients], plant: Edit) -> None:
    scene = Scene(served, plant)

    with pytest.raises(RotationFailed, match=r"createSecret: Secrets Manager may not invoke .*shop-rotate-secret"):
        scene.rotate()

    assert scene.events == []


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (failure("RotationRefused", "sessions would be lost"), "sessions would be lost"),
        (StackError("the role cannot be assumed"), "the role cannot be assumed"),
    ],
)
@pytest.mark.parametrize("step", STEPS)
def test_a_failing_step_ends_the_rotation(
    served: tuple[Rotation, Clients], step: str, outcome: Any, reason: str
) -> None:
    scene = Scene(served)
    scene.outcomes[step] = outcome

    with pytest.raises(RotationFailed, match=f"{step}: .*{reason}"):
        scene.rotate()

    assert scene.steps == STEPS[: STEPS.index(step) + 1]


def test_a_rotation_after_a_failed_one_does_not_show_the_old_reason(served: tuple[Rotation, Clients]) -> None:
    scene = Scene(served)
    scene.outcomes["setSecret"] = failure("RotationRefused", "the first")
    with pytest.raises(RotationFailed, match="the first"):
        scene.rotate()

    scene.outcomes.clear()
    scene.rotate()

    assert scene.steps[2:] == STEPS


@pytest.mark.slow
def test_a_schedule_of_a_function_that_is_not_there(served: tuple[Rotation, Clients]) -> None:
    scene = Scene(served, with_value("KeyRotation", "RotationLambdaARN", Account().arn("lambda", "function:another")))

    with pytest.raises(RotationFailed, match="ResourceNotFoundException"):
        scene.rotate()
