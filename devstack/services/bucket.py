"""An S3 endpoint on loopback (moto's server in a process of its own) with one empty, versioned bucket.

moto keeps everything in memory and accepts any credentials.
"""

import http.client
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from devstack.processes.children import LOOPBACK, Child, Children
from devstack.processes.errors import StackError

REGION = "us-east-1"
"""The only region where a bucket needs no location constraint."""
ACCESS_KEY = "devstack"
"""Key id and secret key; moto accepts any."""
MOTO_SERVER = Path(__file__).with_name("moto_server.py")
_RUNNING = re.compile(r"Running on (http://\S+:\d+)")
_REQUEST_SECONDS = 10.0
_VERSIONED = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"


@dataclass(frozen=True)
class Bucket:
    """A bucket: its name, its endpoint (``http://host:port``), and the endpoint's process if devstack started it."""

    name: str
    endpoint: str
    child: Child | None = None


def start_moto(children: Children, directory: Path, invoke_url: str = "") -> tuple[str, Child]:
    """Start moto's server, wait until it answers, and return its endpoint and its process.

    Args:
        children: owner of the process.
        directory: gets its log.
        invoke_url: where it invokes rotation functions, see `moto_server.invoke_by`; empty for nowhere.

    Raises:
        StackError: it does not start.
    """
    child = children.start(
        "moto_server",
        [sys.executable, "-P", str(MOTO_SERVER), "-H", LOOPBACK, "-p", "0"],
        env={
            "PATH": os.defpath,
            "PYTHONUNBUFFERED": "1",
            **({"DEVSTACK_INVOKE_URL": invoke_url} if invoke_url else {}),
        },
        cwd=directory,
        log=directory / "moto.log",
    )
    # The server chooses its port and prints it only after it has bound it.
    running = child.wait_until(lambda: _RUNNING.search(child.log_text()))
    return running.group(1), child


def start_bucket(children: Children, directory: Path, name: str) -> Bucket:
    """Start the endpoint, wait until it answers, and create the bucket.

    Raises:
        StackError: the endpoint does not start, or refuses to create the bucket.
    """
    bucket = Bucket(name, *start_moto(children, directory))
    connection = http.client.HTTPConnection(urlsplit(bucket.endpoint).netloc, timeout=_REQUEST_SECONDS)
    try:
        for target, document in ((f"/{name}", None), (f"/{name}?versioning", _VERSIONED)):
            connection.request("PUT", target, document)
            response = connection.getresponse()
            body = response.read()
            if response.status != http.client.OK:
                raise StackError(f"The bucket {name} cannot be created: {body.decode(errors='replace')}")
    finally:
        connection.close()
    return bucket
