"""A certificate authority of a local cloud, and the certificates of its servers."""

import datetime as dt
import hashlib
import ssl
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY = "nextitem local cloud"
_VALID = dt.timedelta(days=7)
_COMMON_NAME = bytes.fromhex("0603550403")
"""The object identifier 2.5.4.3 in DER."""


class CertificateAuthority:
    """Signs the certificates of servers; its key is in memory only.

    Attributes:
        pem: its own certificate, which clients must trust.
        hash_name: the file name under which OpenSSL finds it in a folder of certificates, without the number.
    """

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, AUTHORITY)])
        self._name = name
        builder = self._builder(name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(
            x509.KeyUsage(
                key_cert_sign=True,
                crl_sign=True,
                digital_signature=False,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        self.pem = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
        self.hash_name = _hash_name(AUTHORITY)

    def server_context(self, names: Sequence[str], folder: Path) -> ssl.SSLContext:
        """Return the TLS settings of a server.

        Args:
            names: of the server; ``*`` may stand for the first label.
            folder: for the key and the certificate, since `ssl` reads them from files; they are deleted at once.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        # A common name has 64 characters at most, and clients read the alternative names only.
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
        builder = self._builder(subject, key.public_key())
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        path = folder / "server.pem"
        path.touch(mode=0o600)
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        try:
            context.load_cert_chain(path)
        finally:
            path.unlink()
        return context

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        authority_key = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + _VALID)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_key), critical=False
            )
        )


def _hash_name(common_name: str) -> str:
    """Return OpenSSL's hash of a subject that consists of a common name.

    It is the start of the SHA-1 of the name in canonical form: lower case, UTF-8, without the outer sequence
    (`X509_NAME_hash`). `cryptography` does not compute it, and the `openssl` program may not be installed.
    """
    text = common_name.lower().encode()
    value = bytes([0x0C, len(text)]) + text
    pair = _COMMON_NAME + value
    sequence = bytes([0x30, len(pair)]) + pair
    name = bytes([0x31, len(sequence)]) + sequence
    digest = hashlib.sha1(name, usedforsecurity=False).digest()
    return f"{int.from_bytes(digest[:4], 'little'):08x}"
