"""cfn-lint on the transformed template; `make validate` checks the source, which hides some of it."""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from devstack.template.stack import ROOT, transformed

LINT = [str(Path(sys.executable).parent / "cfn-lint"), "--regions", "eu-central-1"]
EXPLAINED = {
    "W2001": 1,  # DeploymentType, which the transform has read
    "W3002": 1,  # observability.yaml, which `sam package` uploads
}
"""The number of accepted warnings of each rule, with reasons."""


@pytest.mark.slow
def test_the_transformed_template_is_clean(tmp_path: Path) -> None:
    template, _ = transformed()
    path = tmp_path / "transformed.json"
    path.write_text(json.dumps(template))
    # what the transform leaves as it was written, for `sam package` to upload
    nested = tmp_path / "observability" / "observability.yaml"
    nested.parent.mkdir()
    nested.write_text((ROOT / "observability" / "observability.yaml").read_text())

    linted = subprocess.run([*LINT, "--", str(path)], capture_output=True, text=True, check=False)
    warnings = re.findall(r"^([EWI]\d{4}) ", linted.stdout, re.MULTILINE)
    assert linted.stderr == ""
    assert Counter(warnings) == EXPLAINED, linted.stdout
