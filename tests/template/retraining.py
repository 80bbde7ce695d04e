"""The state machine of retraining as moto runs it, with answers of our own for its tasks."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.mocking.mock_config import MockedResponse, MockedResponseReturn, MockedResponseThrow

from devstack.template.stack import Properties

REGION = "eu-central-1"
OWN_ARN = f"arn:aws:states:{REGION}:123456789012:execution:machine:run"
"""Of an execution here."""
ROLE = "arn:aws:iam::123456789012:role/machine"
DEADLINE_SECONDS = 20.0


@dataclass(frozen=True)
class Thrown:
    """An error that a task ends with."""

    error: str


Answer = Thrown | Mapping[str, Any]
"""Of a task: an error, or its output as the service gives it."""


@dataclass(frozen=True)
class Run:
    """An execution that has ended: its status, its error, and the states that it entered."""

    status: str
    error: str | None
    states: tuple[str, ...]
    inputs: Mapping[str, Any]


def definition_of(machine: Properties, values: Mapping[str, str], *, wait: bool = True) -> dict[str, Any]:
    """Return a state machine's definition with its substitutions.

    Args:
        machine: its properties.
        values: of the substitutions.
        wait: whether retries wait.
    """
    text = json.dumps(machine["Definition"])
    assert machine["DefinitionSubstitutions"].keys() == values.keys()
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
    definition: dict[str, Any] = json.loads(text)
    for state in definition["States"].values() if not wait else ():
        for retry in state.get("Retry", []):
            retry["IntervalSeconds"], retry["BackoffRate"] = 1, 1
            retry["MaxAttempts"] = 1
    return definition


def execute(
    monkeypatch: pytest.MonkeyPatch, definition: dict[str, Any], answers: Mapping[str, Sequence[Answer]]
) -> Run:
    """Execute a definition in moto and wait for its end.

    Args:
        monkeypatch: gives moto the answers.
        definition: complete.
        answers: of each task, in the order of its tries. A state that is not here must not be entered.
    """

    def answer(environment: Environment) -> MockedResponse:
        state, name = environment.states.context_object.context_object_data["State"], environment.next_state_name
        assert state is not None
        assert name is not None
        return _mocked(answers[name][state["RetryCount"]])

    monkeypatch.setattr(Environment, "is_mocked_mode", lambda _: True)
    monkeypatch.setattr(Environment, "get_current_mocked_response", answer)
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        client = boto3.client("stepfunctions", region_name=REGION)
        machine = client.create_state_machine(name="machine", definition=json.dumps(definition), roleArn=ROLE)
        started = client.start_execution(stateMachineArn=machine["stateMachineArn"], name="run", input="{}")
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (described := client.describe_execution(executionArn=started["executionArn"]))["status"] == "RUNNING":
            assert time.monotonic() < deadline, "the execution does not end"
            time.sleep(0.02)
        history = client.get_execution_history(executionArn=started["executionArn"], maxResults=1000)["events"]
    entered = [event["stateEnteredEventDetails"] for event in history if "stateEnteredEventDetails" in event]
    submitted = {
        event["taskScheduledEventDetails"]["resource"]: json.loads(event["taskScheduledEventDetails"]["parameters"])
        for event in history
        if "taskScheduledEventDetails" in event
    }
    return Run(described["status"], described.get("error"), tuple(each["name"] for each in entered), submitted)


def _mocked(answer: Answer) -> MockedResponse:
    if isinstance(answer, Thrown):
        return MockedResponseThrow(0, 0, answer.error, "because")
    return MockedResponseReturn(0, 0, dict(answer))
