"""Write the stack under two combinations of parameters as plain CloudFormation, for tools without conditions.

Both together have every resource of the template (`test_resolved`), and the nested template is written, too.

``python -m tests.template.resolved FOLDER``. `make checkov` gives them to Checkov, which fails with an IndexError on
templates with Fn::If in a list.
"""

import json
import sys
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from devstack.template.resolver import Resolver
from devstack.template.stack import ROOT, Values, deployed
from tests.template.accepted import skips_of
from tests.template.combinations import AUTH, COLD, MORE

EMAILS: Values = {"PageEmail": "page@example.com", "TicketEmail": "ticket@example.com"}
CHOICES: dict[str, Values] = {
    "small": COLD["provisioned"],
    "large": {"StoreKind": "nodes", **COLD["managed-instances"], **AUTH["token"], **MORE["domain-learning"], **EMAILS},
}


def resolved(name: str) -> dict[str, dict[str, Any]]:
    """Return the resources of a combination, with those of the nested template, by logical id."""
    values = CHOICES[name]
    return deployed(values).resources | monitoring(values)


def monitoring(values: Values) -> dict[str, dict[str, Any]]:
    """Return the resources of the nested template under parameters of the outer one."""
    template = yaml_parse((ROOT / "observability" / "observability.yaml").read_text())
    required = {name: "x" for name, parameter in template["Parameters"].items() if "Default" not in parameter}
    own = {name: value for name, value in values.items() if name in template["Parameters"]}
    resources: dict[str, dict[str, Any]] = Resolver(template, {**required, **own}).section("Resources")
    return resources


def main(folder: Path) -> None:
    """Write one file for each combination; metadata of resources names what Checkov is to skip."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in CHOICES:
        resources = {
            logical_id: resource | {"Metadata": resource.get("Metadata", {}) | {"checkov": {"skip": skips}}}
            if (skips := skips_of(logical_id))
            else resource
            for logical_id, resource in resolved(name).items()
        }
        document = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}
        (folder / f"{name}.json").write_text(json.dumps(document))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
