"""Every branch of the state machine that retrains, executed by moto."""

from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from devstack.template.stack import deployed
from tests.template.combinations import LEARNING
from tests.template.retraining import OWN_ARN, Answer, Run, Thrown, definition_of, execute

pytestmark = pytest.mark.slow  # loads moto's parser of state machines

STACK_NAME = "s" * 26
"""The longest."""
VALUES = {
    "ListExecutions": "arn:aws:states:::aws-sdk:sfn:listExecutions",
    "InvokeFunction": "arn:aws:states:::lambda:invoke",
    "RunTrainingJob": "arn:aws:states:::sagemaker:createTrainingJob.sync",
    "StackName": STACK_NAME,
    "ExcludeSeen": "true",
    "StartCanaryArn": "arn:aws:lambda:eu-central-1:123456789012:function:shop-start-canary",
    "TrainingRoleArn": "arn:aws:iam::123456789012:role/shop-training",
    "TrainingImage": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/nextitem:1",
    "TrainingInstanceType": "ml.m5.2xlarge",
    "TrainingDiskGigabytes": "50",
    "TrainingMaxSeconds": "14400",
    "Bucket": "shop-models",
}
NONE_ELSE: Answer = {"Executions": []}
OTHER: Answer = {"Executions": [{"ExecutionArn": OWN_ARN}, {"ExecutionArn": "arn:older"}]}
OLDEST: Answer = {"Executions": [{"ExecutionArn": "arn:newer"}, {"ExecutionArn": OWN_ARN}]}
TRAINED: Answer = {"TrainingJobStatus": "Completed"}
BUSY = Thrown("SageMaker.AmazonSageMakerException")
FAULT = Thrown("Lambda.Unknown")


def outcome(name: str) -> Answer:
    """Return Lambda's answer with an outcome of the function."""
    return {"StatusCode": 200, "Payload": {"outcome": name}}


FREE = outcome("free")
BRANCHES: dict[str, tuple[dict[str, list[Answer]], str, str | None, str]] = {
    "a canary": (
        {"FindRuns": [NONE_ELSE], "CheckRoute": [FREE], "Train": [TRAINED], "StartCanary": [outcome("started")]},
        "SUCCEEDED",
        None,
        "CanaryStarted",
    ),
    "the version that is live": (
        {"FindRuns": [NONE_ELSE], "CheckRoute": [FREE], "Train": [TRAINED], "StartCanary": [outcome("live")]},
        "SUCCEEDED",
        None,
        "AlreadyLive",
    ),
    "the first of two runs": (
        {"FindRuns": [OLDEST], "CheckRoute": [outcome("experiment-running")]},
        "SUCCEEDED",
        None,
        "AnExperimentRuns",
    ),
    "another run": ({"FindRuns": [OTHER]}, "SUCCEEDED", None, "AnotherRunGoesOn"),
    "an experiment": (
        {"FindRuns": [NONE_ELSE], "CheckRoute": [outcome("experiment-running")]},
        "SUCCEEDED",
        None,
        "AnExperimentRuns",
    ),
    "a failed training": (
        {"FindRuns": [NONE_ELSE], "CheckRoute": [FREE], "Train": [Thrown("States.TaskFailed")]},
        "FAILED",
        "TrainingFailed",
        "TrainingFailed",
    ),
    "no capacity": (
        {"FindRuns": [NONE_ELSE], "CheckRoute": [FREE], "Train": [BUSY, BUSY]},
        "FAILED",
        "TrainingFailed",
        "TrainingFailed",
    ),
    "capacity at the second try": (
        {"FindRuns": [NONE_ELSE], "CheckRoute": [FREE], "Train": [BUSY, TRAINED], "StartCanary": [outcome("started")]},
        "SUCCEEDED",
        None,
        "CanaryStarted",
    ),
    "a gate that refuses": (
        {"FindRuns": [NONE_ELSE], "CheckRoute": [FREE], "Train": [TRAINED], "StartCanary": [outcome("not-passed")]},
        "FAILED",
        "GateRefused",
        "GateRefused",
    ),
    "no champion": (
        {"FindRuns": [NONE_ELSE], "CheckRoute": [FREE], "Train": [TRAINED], "StartCanary": [outcome("no-champion")]},
        "FAILED",
        "CanaryFailed",
        "CanaryFailed",
    ),
    "a canary that fails": (
        {"FindRuns": [NONE_ELSE], "CheckRoute": [FREE], "Train": [TRAINED], "StartCanary": [FAULT, FAULT]},
        "FAILED",
        "CanaryFailed",
        "CanaryFailed",
    ),
}
"""Answers of the tasks; the status, error and last state of the run."""


@pytest.fixture
def definition() -> dict[str, Any]:
    (machine,) = deployed(LEARNING).of_type("AWS::StepFunctions::StateMachine").values()
    definition = definition_of(machine, VALUES, wait=False)
    train = definition["States"]["Train"]
    assert train["Resource"].endswith(":createTrainingJob.sync")
    train["Resource"] = train["Resource"].removesuffix(".sync")  # moto cannot wait for a job: the answer is its end
    return definition


@pytest.mark.parametrize(("answers", "status", "error", "last"), BRANCHES.values(), ids=BRANCHES)
def test_a_branch(
    definition: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    answers: dict[str, list[Answer]],
    status: str,
    error: str | None,
    last: str,
) -> None:
    run = execute(monkeypatch, definition, answers)
    assert (run.status, run.error, run.states[-1]) == (status, error, last), run


def test_the_branches_end_wherever_a_run_can_end(definition: dict[str, Any]) -> None:
    ends = {name for name, state in definition["States"].items() if state["Type"] in {"Succeed", "Fail"}}
    assert ends == {last for _, _, _, last in BRANCHES.values()}


def test_a_training_job_gets_what_sagemaker_takes(definition: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    run: Run = execute(monkeypatch, definition, BRANCHES["a canary"][0])
    (parameters,) = [given for resource, given in run.inputs.items() if "createTrainingJob" in resource]

    # SageMaker's own model accepts it, with a name of at most 63 characters
    service = botocore.session.get_session().get_service_model("sagemaker")
    shape = service.operation_model("CreateTrainingJob").input_shape
    assert shape is not None
    report = ParamValidator().validate(parameters, shape)
    assert not report.has_errors(), report.generate_report()
    assert parameters["StoppingCondition"] == {"MaxRuntimeInSeconds": 14400, "MaxWaitTimeInSeconds": 28800}
    assert len(parameters["TrainingJobName"]) <= 63
    assert parameters["Environment"]["NEXTITEM_RETRAINING_JOB"] == parameters["TrainingJobName"]
    # The gate judges the lists that this deployment would serve
    assert parameters["Environment"]["NEXTITEM_EXCLUDE_SEEN"] == "true"
