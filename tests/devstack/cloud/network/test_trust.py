"""Clients trust the local cloud's authority wherever they look for certificates, and keep what they trusted before."""

import ssl
import sys
from pathlib import Path

import pytest

from devstack.cloud.network.certificates import CertificateAuthority
from devstack.cloud.network.trust import _copy_folder, write_trust

NAMES = ["*.s3.test", "s3.test"]


def shake_hands(authority: CertificateAuthority, folder: Path, client: ssl.SSLContext, host: str) -> None:
    """Let a client connect to a server with the names above, in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = authority.server_context(NAMES, folder).wrap_bio(to_server, to_client, server_side=True)
    caller = client.wrap_bio(to_client, to_server, server_hostname=host)
    for _ in range(3):
        for side in (caller, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


@pytest.mark.parametrize("host", ["s3.test", "bucket.s3.test"])
def test_a_client_of_the_authority_accepts_its_servers(tmp_path: Path, host: str) -> None:
    authority = CertificateAuthority()
    shake_hands(authority, tmp_path, ssl.create_default_context(cadata=authority.pem), host)
    assert not list(tmp_path.iterdir())


def test_other_clients_and_other_names_are_refused(tmp_path: Path) -> None:
    authority = CertificateAuthority()
    with pytest.raises(ssl.SSLCertVerificationError, match=r"unable to get local issuer|self-signed"):
        shake_hands(authority, tmp_path, ssl.create_default_context(), "s3.test")
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(authority, tmp_path, ssl.create_default_context(cadata=authority.pem), "kms.test")


def test_openssl_finds_the_authority_in_a_folder_by_its_hash(tmp_path: Path) -> None:
    """GIVEN a folder with other certificates, as files and links WHEN it is copied THEN OpenSSL finds all of them."""
    authority, other = CertificateAuthority(), CertificateAuthority()
    folder, elsewhere = tmp_path / "certs", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (elsewhere / "other.crt").write_text(other.pem)
    (folder / "other.pem").symlink_to(elsewhere / "other.crt")
    (folder / f"{other.hash_name}.0").symlink_to("other.pem")
    (folder / "bundle.crt").write_text(other.pem)
    (folder / "gone.pem").symlink_to(elsewhere / "gone.crt")

    copy = _copy_folder(authority, folder, tmp_path / "copy")

    for trusted in (authority, other):
        client = ssl.create_default_context(capath=str(copy))
        shake_hands(trusted, tmp_path, client, "s3.test")
    assert not list(folder.glob("*.1"))
    assert not (copy / "bundle.crt").is_symlink()  # the copy hides what it would lead to


def test_every_list_keeps_its_certificates(tmp_path: Path) -> None:
    authority = CertificateAuthority()
    mounts = write_trust(authority, tmp_path, [Path(sys.executable)], [])
    assert {target.parent.name for _, target in mounts} >= {"botocore", "certifi"}
    for source, target in mounts:
        if target.is_file():
            assert source.read_text() == f"{target.read_text().rstrip()}\n{authority.pem}"


def test_the_lists_of_an_artifact_and_of_another_interpreter_are_found(tmp_path: Path) -> None:
    artifact = tmp_path / "artifact"
    (artifact / "certifi").mkdir(parents=True)
    (artifact / "certifi" / "cacert.pem").write_text("theirs")
    trust = tmp_path / "trust"
    trust.mkdir()
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(Path(sys.executable).resolve())
    libraries = tmp_path / "lib" / "python3.11" / "site-packages" / "botocore"
    libraries.mkdir(parents=True)
    (libraries / "cacert.pem").write_text("theirs")

    targets = {target for _, target in write_trust(CertificateAuthority(), trust, [python], [artifact])}

    assert {artifact / "certifi" / "cacert.pem", libraries / "cacert.pem"} <= targets
