"""``python -m devstack.deployer``: write the deployer's policy for template.yaml and its nested template."""

import sys
from pathlib import Path
from typing import Any

import yaml

from devstack.deployer.policy import policy_template
from devstack.template.stack import ROOT, transformed

MONITORING = ROOT / "observability" / "observability.yaml"
POLICY = ROOT / "docs" / "deployer-policy.yaml"


class _Dumper(yaml.SafeDumper):
    """Writes each list and mapping in full, also where two are the same object."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is PyYAML's
        return True


def policy_text() -> str:
    """Return the file of the deployer's policy."""
    template, _ = transformed()
    monitoring = yaml.safe_load(MONITORING.read_text(encoding="utf-8"))
    return yaml.dump(policy_template(template, monitoring), Dumper=_Dumper, sort_keys=False, width=120)


def main(path: Path = POLICY) -> None:
    """Write the file."""
    path.write_text(policy_text(), encoding="utf-8")
    sys.stdout.write(f"{path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
