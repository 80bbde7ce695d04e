"""Copies of the machine's lists of certificate authorities, with the local cloud's own added, to bind over them.

Clients in a namespace so trust the doors without a variable that Lambda does not set. Where clients find their lists:

- obstore (rustls): the first of `BUNDLES` that exists, and the folder beside it.
- boto3: `cacert.pem` of certifi, or of botocore where certifi is not installed.
- Python's `ssl`, which redis-py uses: the file and the folder that its OpenSSL was built with.
"""

import ssl
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from devstack.cloud.network.certificates import CertificateAuthority
from devstack.processes.errors import StackError

BUNDLES = tuple(
    map(
        Path,
        (
            "/etc/ssl/certs/ca-certificates.crt",
            "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
            "/etc/pki/tls/certs/ca-bundle.crt",
            "/etc/pki/tls/cacert.pem",
            "/etc/ssl/ca-bundle.pem",
            "/etc/ssl/cert.pem",
            "/etc/ssl/certs/cacert.pem",
        ),
    )
)
"""Where Linux distributions keep the list that rustls reads."""
IN_PACKAGES = ("certifi/cacert.pem", "botocore/cacert.pem")
_ASK = (
    "import ssl; paths = ssl.get_default_verify_paths(); print(paths.openssl_cafile, paths.openssl_capath, sep='\\n')"
)

Mount = tuple[Path, Path]
"""A source and the target that it is bound over."""


def missing_bundle() -> str | None:
    """Say what to install if this machine has no list of certificate authorities; None if it has one."""
    if any(bundle.is_file() for bundle in BUNDLES):
        return None
    return "This machine has no list of certificate authorities; install the package ca-certificates."


def write_trust(
    authority: CertificateAuthority, directory: Path, pythons: Iterable[Path], folders: Iterable[Path]
) -> list[Mount]:
    """Write the copies and return what to bind, in this order.

    Args:
        authority: the authority to add.
        directory: where the copies are written.
        pythons: interpreters whose `ssl`, certifi and botocore shall trust it.
        folders: further folders of packages, such as a built artifact.
    """
    mounts: list[Mount] = []
    files = {bundle.resolve() for bundle in BUNDLES if bundle.is_file()}
    packages = list(folders)
    for python in pythons:
        file, folder = _openssl_paths(python)
        if file.is_file():
            files.add(file.resolve())
        elif folder.is_dir():
            if folder.resolve() not in (target for _, target in mounts):
                mounts.append((_copy_folder(authority, folder, directory / f"folder-{len(mounts)}"), folder.resolve()))
        else:
            raise StackError(f"The OpenSSL of {python} reads {file} and {folder}, and neither exists; install one.")
        packages += _package_folders(python)
    files.update(path.resolve() for folder in packages for name in IN_PACKAGES if (path := folder / name).is_file())
    for number, target in enumerate(sorted(files)):
        source = directory / f"bundle-{number}.pem"
        source.write_text(f"{target.read_text().rstrip()}\n{authority.pem}")
        mounts.append((source, target))
    return mounts


def _copy_folder(authority: CertificateAuthority, folder: Path, copy: Path) -> Path:
    """Copy a folder in which OpenSSL finds certificates by hash: links for links, since their targets stay visible."""
    copy.mkdir()
    for entry in folder.iterdir():
        target = entry.resolve()
        if target.is_relative_to(folder.resolve()):
            (copy / entry.name).write_bytes(target.read_bytes())
        elif target.exists():
            (copy / entry.name).symlink_to(target)
    number = sum(1 for _ in copy.glob(f"{authority.hash_name}.*"))
    (copy / f"{authority.hash_name}.{number}").write_text(authority.pem)
    return copy


def _openssl_paths(python: Path) -> tuple[Path, Path]:
    if python == Path(sys.executable):
        paths = ssl.get_default_verify_paths()
        return Path(paths.openssl_cafile), Path(paths.openssl_capath)
    answer = subprocess.run([python, "-I", "-c", _ASK], capture_output=True, text=True, check=False)  # noqa: S603 - a worker's interpreter
    if answer.returncode:
        raise StackError(f"{python} cannot say where it finds certificates: {answer.stderr.strip()}")
    file, folder = answer.stdout.split("\n")[:2]
    return Path(file), Path(folder)


def _package_folders(python: Path) -> Iterator[Path]:
    if python == Path(sys.executable):
        yield from map(Path, sys.path)
    yield from python.parent.parent.glob("lib/python3*/site-packages")
