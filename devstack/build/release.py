"""Make the next deployment publish a new version of the function if its code, template or parameters have changed.

``python -m devstack.build.release .aws-sam/build --of RecommendFunction template.yaml samconfig.toml`` writes a digest
into the built template, from which SAM derives the names of versions. SAM itself ignores parameter values: with another
memory size and the same code, the alias would stay on the old version.
"""

import argparse
import hashlib
import sys
from pathlib import Path

from devstack.build.artifact import describe

HEX_DIGITS = 10
"""Length of a release, as in SAM's names of versions."""


def release_of(artifact: Path, files: list[Path], note: str = "") -> str:
    """Return a digest of an artifact, of the files that configure its deployment, and of a note.

    Raises:
        OSError: a file cannot be read.
    """
    digest = hashlib.sha256(describe(artifact).digest.encode())
    for part in (*(file.read_bytes() for file in files), note.encode()):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:HEX_DIGITS]


def with_release(template: str, function: str, release: str) -> str:
    """Return a built template in which the release names the versions of every function made from an artifact.

    Raises:
        ValueError: no function is made from the artifact.
    """
    line = f"      CodeUri: {function}\n"
    if line not in template:
        raise ValueError(f"the built template has no function made from {function}")
    return template.replace(line, f"{line}      AutoPublishCodeSha256: '{release}'\n")


def main(arguments: list[str]) -> int:
    """Write the release into the built template and return the exit code."""
    parser = argparse.ArgumentParser(description="Name the versions that a deployment publishes.")
    parser.add_argument("build", type=Path, help="folder of the build")
    parser.add_argument("--of", required=True, metavar="FUNCTION", help="the function's logical id")
    parser.add_argument("--note", default="", help="any text; another note publishes another version")
    parser.add_argument("files", nargs="+", type=Path, help="other files of which the release consists")
    options = parser.parse_args(arguments)
    template = options.build / "template.yaml"
    release = release_of(options.build / options.of, options.files, options.note)
    template.write_text(with_release(template.read_text(), options.of, release))
    sys.stdout.write(f"{template}: release {release}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
