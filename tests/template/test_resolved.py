"""Checkov sees every resource: no condition of a template hides one from `make checkov`, and no rule is off for all."""

import json
from pathlib import Path

import pytest
from samtranslator.yaml_helper import yaml_parse

from devstack.template.stack import ROOT, transformed
from tests.template.accepted import ACCEPTED
from tests.template.resolved import CHOICES, main, resolved


@pytest.mark.slow
def test_the_combinations_have_every_resource_of_both_templates() -> None:
    nested = yaml_parse((ROOT / "observability" / "observability.yaml").read_text())["Resources"]
    outer = transformed()[0]["Resources"]
    assert outer.keys() & nested.keys() == set()
    assert {name for choice in CHOICES for name in resolved(choice)} == {*outer, *nested}


@pytest.mark.slow
def test_what_is_accepted_is_written_to_resources_that_exist(tmp_path: Path) -> None:
    main(tmp_path)
    documents = [json.loads(path.read_text())["Resources"] for path in tmp_path.iterdir()]
    skipped = {
        (skip["id"], name)
        for resources in documents
        for name, resource in resources.items()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    }
    assert skipped == {(each.rule, name) for each in ACCEPTED for name in each.resources}
    recipes = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    [command] = [line for line in recipes if "--framework cloudformation" in line]
    assert "--skip-check" not in command
