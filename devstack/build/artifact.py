"""Describe a built function: its size on disk and zipped, its digest, and whether Lambda accepts it.

``python devstack/build/artifact.py DIRECTORY --architecture x86_64`` prints the description, and fails if the directory
is too large or was built for another processor. Imports only the standard library, so that any interpreter can run it.
"""

import argparse
import hashlib
import io
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

MAX_UNZIPPED_BYTES = 250 * 1024 * 1024
"""Lambda's limit for a function's unzipped package, layers included."""

_MACHINES = {62: "x86_64", 183: "arm64"}
"""ELF's ``e_machine`` numbers and the names that Lambda has for them."""
_ELF_MAGIC = b"\x7fELF"
_ELF_MACHINE = slice(18, 20)
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Artifact:
    """A built directory.

    Attributes:
        digest: SHA-256 in hex over the names, modes and contents of all files.
        unzipped_bytes: sum of the files' sizes.
        zipped_bytes: size of a deflated zip of them.
        architectures: processors that its native libraries were made for.
    """

    digest: str
    unzipped_bytes: int
    zipped_bytes: int
    architectures: frozenset[str]


def describe(directory: Path) -> Artifact:
    """Read a whole directory and describe it.

    Raises:
        OSError: a file cannot be read.
    """
    digest = hashlib.sha256()
    unzipped_bytes = 0
    architectures = set()
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in directory.rglob("*") if path.is_file()):
            name = path.relative_to(directory).as_posix()
            content = path.read_bytes()
            head = f"{name}\0{path.stat().st_mode:o}\0{len(content)}\0"
            digest.update(head.encode())
            digest.update(content)
            unzipped_bytes += len(content)
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
            if content.startswith(_ELF_MAGIC):
                machine = int.from_bytes(content[_ELF_MACHINE], "little")
                architectures.add(_MACHINES.get(machine, f"ELF machine {machine}"))
    return Artifact(digest.hexdigest(), unzipped_bytes, len(zipped.getvalue()), frozenset(architectures))


def objections(artifact: Artifact, architecture: str) -> list[str]:
    """Return why Lambda would refuse the artifact or fail to start it on `architecture`, a sentence each."""
    sentences = []
    if artifact.unzipped_bytes > MAX_UNZIPPED_BYTES:
        sentences.append(
            f"The function takes {artifact.unzipped_bytes} bytes unzipped; Lambda allows {MAX_UNZIPPED_BYTES}."
        )
    if artifact.architectures != {architecture}:
        names = ", ".join(sorted(artifact.architectures)) or "no processor"
        sentences.append(f"The native libraries are for {names}; the function is for {architecture}.")
    return sentences


def main(arguments: list[str]) -> int:
    """Print the description; return 1 if Lambda would refuse the directory, 2 if there is none."""
    parser = argparse.ArgumentParser(description="Describe a built function.")
    parser.add_argument("directory", type=Path, help="the artifact")
    parser.add_argument(
        "--architecture", required=True, choices=sorted(_MACHINES.values()), help="the processor of the function"
    )
    options = parser.parse_args(arguments)
    if not options.directory.is_dir():
        sys.stderr.write(f"{options.directory}: no such directory; run `make build` first.\n")
        return 2
    artifact = describe(options.directory)
    sys.stdout.write(
        f"{options.directory}: {artifact.unzipped_bytes / _MEGABYTE:.1f} MB, "
        f"{artifact.zipped_bytes / _MEGABYTE:.1f} MB zipped, sha256 {artifact.digest[:16]}\n"
    )
    sentences = objections(artifact, options.architecture)
    for sentence in sentences:
        sys.stderr.write(f"{sentence}\n")
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
