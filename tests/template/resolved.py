"""Write the stack under two combinations of parameters as plain CloudFormation, for tools without conditions.

``python -m tests.template.resolved FOLDER``. `make checkov` gives them to Checkov, which fails with an IndexError on
templates with Fn::If in a list.
"""

import json
import sys
from pathlib import Path

from devstack.template.stack import Values, deployed

CHOICES: dict[str, Values] = {
    "small": {},
    "large": {"StoreKind": "nodes", "ColdStartStrategy": "managed-instances"},
}


def main(folder: Path) -> None:
    """Write one file for each combination."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in CHOICES.items():
        document = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": deployed(values).resources}
        (folder / f"{name}.json").write_text(json.dumps(document))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
