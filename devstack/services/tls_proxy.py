"""TLS in front of a Valkey without TLS, like ElastiCache's encryption in transit."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from devstack.processes.children import LOOPBACK
from devstack.processes.listener import Listener, listen
from devstack.processes.loop_thread import LoopThread


def write_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Write a self-signed certificate for a host, and its key; return both paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    try:
        host: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        host = x509.DNSName(name)
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([host]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / f"{name}.crt", folder / f"{name}.key"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key_path.write_bytes(key.private_bytes(serialization.Encoding.PEM, pem, plain))
    return certificate_path, key_path


class TlsProxy:
    """A port that speaks TLS and forwards to a plain port of this machine, inside its ``with`` block.

    Attributes:
        port: where it listens.
        certificate: path of its self-signed certificate.
    """

    def __init__(self, target_port: int, folder: Path, name: str) -> None:
        self._target_port = target_port
        self.certificate, key = write_certificate(folder, name)
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(self.certificate, key)
        self._serving: set[asyncio.Task[None]] = set()
        self._loop = LoopThread("tls")

    def __enter__(self) -> Self:
        self._loop.__enter__()
        self._listener = self._loop.run(self._listen())
        self.port = self._listener.port
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._close())
        self._loop.__exit__()

    async def _listen(self) -> Listener:
        def protocol() -> asyncio.Protocol:
            return asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._serve)

        return Listener(listen(), protocol, self._context)

    async def _close(self) -> None:
        await self._listener.close()
        await asyncio.gather(*self._serving)  # they end with their client's connection

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(asyncio.get_running_loop().create_task(self._connect(reader, writer)))

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            plain_reader, plain_writer = await asyncio.open_connection(LOOPBACK, self._target_port)
        except OSError:  # the server is down
            writer.close()
        else:
            await asyncio.gather(_forward(reader, plain_writer), _forward(plain_reader, writer))


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):  # either side may hang up
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()
