"""Print the arguments of `aws cloudformation deploy` for an environment of samconfig.toml, quoted for `xargs`.

``python3 devstack/build/aws_arguments.py samconfig.toml production`` lets a deployment use the AWS CLI alone. Imports
only the standard library, so that any interpreter can run it.
"""

import argparse
import shlex
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def aws_arguments(config: Mapping[str, Any], environment: str) -> list[str]:
    """Return the arguments that have the same meaning as an environment's settings of `sam deploy`.

    Raises:
        KeyError: the environment is not in the configuration.
    """
    deploy = config[environment]["deploy"]["parameters"]
    overrides = deploy.get("parameter_overrides", [])
    return [
        "--stack-name",
        config[environment]["global"]["parameters"]["stack_name"],
        "--capabilities",
        *deploy["capabilities"].split(),
        *(["--parameter-overrides", *overrides] if overrides else []),
    ]


def main(arguments: list[str]) -> int:
    """Print the arguments; return 1 if the configuration has no such environment."""
    parser = argparse.ArgumentParser(description="Print the AWS CLI's arguments for an environment.")
    parser.add_argument("config", type=Path, help="samconfig.toml")
    parser.add_argument("environment", help="the section of the file")
    options = parser.parse_args(arguments)
    config = tomllib.loads(options.config.read_text(encoding="utf-8"))
    if options.environment not in config:
        sys.stderr.write(f"{options.config} has no environment {options.environment}; add [{options.environment}.*].\n")
        return 1
    sys.stdout.write(shlex.join(aws_arguments(config, options.environment)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
