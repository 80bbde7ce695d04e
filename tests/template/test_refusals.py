"""AWS refuses no value of any combination; each refusal finds its own mistake, which the linter does not find."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.template.stack import READ_BY_SAM, ROOT, Values, deployed, source
from tests.template.combinations import COLD, COMBINATIONS, STORE
from tests.template.refusals.cloud import Cloud, concrete
from tests.template.refusals.table import REFUSALS, refused
from tests.template.refusals.types import Refusal
from tests.template.test_lint import LINT

MADE_OF_REFERENCES = {"function-name-length", "environment-size", "alarm-texts", "alarm-dimensions"}
"""Refusals of texts that contain the stack's name or a parameter: the linter would know the final text only."""

UNGUARDED = {
    "provisioned": {
        ("ProvisionedMaximum", "1"): {"scaling-minimum-above-maximum"},
        ("ReservedConcurrency", "1"): {"provisioned-beyond-reserved"},
    },
}
"""Values that the template accepts and AWS refuses: rules of CloudFormation cannot compare numbers."""
NO_LIMIT = {"ReservedConcurrency": ["1", "1000"], "ProvisionedMinimum": ["20"], "ScheduledMinimum": ["20"]}
"""Values of parameters without a maximum."""


@pytest.mark.parametrize("values", COMBINATIONS.values(), ids=COMBINATIONS.keys())
def test_aws_refuses_no_value_of_a_combination(values: Values) -> None:
    assert refused(concrete(deployed(values))) == []


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_a_refusal_finds_its_planted_mistake(refusal: Refusal) -> None:
    # GIVEN a stack without the mistake
    cloud = concrete(deployed(refusal.planted.under))
    assert refusal.faults(cloud) == []

    # WHEN the mistake is planted
    faults = refusal.faults(refusal.planted.applied(cloud))

    # THEN it is found, with the document that says so
    assert faults
    assert all(refusal.document in fault for fault in faults)
    assert refusal.faults(cloud) == []  # in the copy only


def test_each_refusal_has_a_name_of_its_own_and_a_document_of_aws() -> None:
    assert len({refusal.name for refusal in REFUSALS}) == len(REFUSALS)
    assert all(refusal.document.startswith("https://docs.aws.amazon.com/") for refusal in REFUSALS)


@pytest.mark.slow
def test_the_linter_accepts_every_planted_mistake(tmp_path: Path) -> None:
    # GIVEN each resource with its mistake, and the same resource without
    clean, planted = {}, {}
    for refusal in REFUSALS:
        cloud = concrete(deployed(refusal.planted.under))
        name = refusal.name.title().replace("-", "")
        clean[name] = resource(cloud, refusal)
        planted[name] = resource(refusal.planted.applied(cloud), refusal)

    # WHEN cfn-lint sees them THEN it finds only those that no template shows it
    found = errors(planted, tmp_path) - errors(clean, tmp_path)
    names = {refusal.name.title().replace("-", ""): refusal.name for refusal in REFUSALS}
    assert {names[logical_id] for logical_id, _ in found} == MADE_OF_REFERENCES


def resource(cloud: Cloud, refusal: Refusal) -> dict[str, object]:
    body = cloud.resources[refusal.planted.resource]
    return {"Type": body["Type"], "Properties": body["Properties"]}


def errors(resources: dict[str, dict[str, object]], folder: Path) -> set[tuple[str, str]]:
    """Return the logical id and the text of each error that cfn-lint finds."""
    path = folder / "resources.json"
    path.write_text(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}))
    # E3019: one resource with several mistakes is there several times.
    command = [*LINT, "--ignore-checks", "E3019", "--format", "json", "--", str(path)]
    linted = subprocess.run(command, capture_output=True, text=True, check=False)
    return {
        (match["Location"]["Path"][1], match["Message"])
        for match in json.loads(linted.stdout)
        if match["Rule"]["Id"].startswith("E")
    }


def boundaries() -> Iterator[tuple[str, str]]:
    """Yield the smallest, the largest and every listed value of each parameter."""
    for name, parameter in source()["Parameters"].items():
        limits = [parameter[key] for key in ("MinValue", "MaxValue") if key in parameter]
        if name not in {*READ_BY_SAM, "ColdStartStrategy", "StoreKind"}:
            yield from ((name, str(value)) for value in parameter.get("AllowedValues", limits))
            yield from ((name, value) for value in NO_LIMIT.get(name, []))


@pytest.mark.slow
@pytest.mark.parametrize("cold_start", COLD)
def test_aws_refuses_no_value_that_the_template_accepts(cold_start: str) -> None:
    shared = {key: value for key, value in COLD[cold_start].items() if key != "ReservedConcurrency"}
    found = {}
    for store in STORE.values():
        for name, value in boundaries():
            try:
                stack = deployed({**shared, **store, name: value})
            except ValueError:  # a rule of the template refuses it
                continue
            cloud = concrete(stack)
            if faulty := {refusal.name for refusal in REFUSALS if refusal.faults(cloud)}:
                found[name, value] = faulty

    assert found == UNGUARDED.get(cold_start, {})


@pytest.mark.parametrize("values", COMBINATIONS.values(), ids=COMBINATIONS.keys())
def test_the_documented_length_of_a_stack_name_fits_into_every_name(values: Values) -> None:
    text = (ROOT / "docs" / "deploying.md").read_text()
    (length,) = re.findall(r"at\s+most\s+(\d+)\s+characters", text.partition("## Parameters")[0])

    assert refused(concrete(deployed(values), "s" * int(length))) == []


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("Shop", "user-of-iam"),
        ("my--shop", "replication-group-id"),
        ("shop-", "replication-group-id"),
        ("s" * 32, "replication-group-id"),
    ],
)
def test_other_stack_names_are_refused(name: str, refusal: str) -> None:
    cloud = concrete(deployed({"StoreKind": "nodes"}), name)

    assert refusal in {refusal.name for refusal in REFUSALS if refusal.faults(cloud)}
