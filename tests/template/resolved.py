"""Writes what two unlike choices of parameters deploy, as plain CloudFormation, for tools that know no conditions.

``python -m tests.template.resolved FOLDER``; `make checkov` has Checkov read them, which ends with an IndexError on the
template itself, as it does on others with Fn::If inside a list.
"""

import json
import os
import sys
from pathlib import Path

from tests.template.stack import Values, deployed

CHOICES: dict[str, Values] = {
    "small": {},
    "large": {"StoreKind": "nodes", "ColdStartStrategy": "managed-instances"},
}


def main(folder: Path) -> None:
    """Write one file for each choice."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")  # the transform asks for a partition
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in CHOICES.items():
        document = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": deployed(values).resources}
        (folder / f"{name}.json").write_text(json.dumps(document))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
