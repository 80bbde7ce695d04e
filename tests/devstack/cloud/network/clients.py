"""The clients of a function, in a process inside a place: ``clients.py CLIENT ARGUMENT``. Prints what was read.

They get no setting of endpoints or certificates, as on Lambda.
"""

import socket
import ssl
import sys
from datetime import timedelta

SECONDS = 0.5
"""Timeout of a connection; in a place one takes a millisecond, or never comes about."""


def by_obstore(bucket: str) -> str:
    from obstore.store import S3Store

    store = S3Store(
        bucket,
        access_key_id="AKIA",
        secret_access_key="secret",  # noqa: S106 - signs for a server that does not check
        region="eu-central-1",
        client_options={"connect_timeout": f"{SECONDS}s"},
        retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=SECONDS)},
    )
    return bytes(store.get("models/m").bytes()).decode()


def by_boto3(bucket: str) -> str:
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=SECONDS, retries={"total_max_attempts": 1})
    session = boto3.Session("AKIA", "secret", region_name="eu-central-1")
    return session.client("s3", config=config).get_object(Bucket=bucket, Key="models/m")["Body"].read().decode()


def by_ssl(server: str) -> str:
    host, _, port = server.partition(":")
    trust = ssl.create_default_context()
    with (
        socket.create_connection((host, int(port)), SECONDS) as plain,
        trust.wrap_socket(plain, server_hostname=host) as connection,
    ):
        connection.sendall(b"GET /x HTTP/1.1\r\nHost: store\r\nConnection: close\r\n\r\n")
        return connection.makefile("rb").read().decode().rpartition("\r\n")[2]


if __name__ == "__main__":
    client = {"obstore": by_obstore, "boto3": by_boto3, "ssl": by_ssl}[sys.argv[1]]
    print(client(sys.argv[2]), end="")  # noqa: T201 - what the test reads
