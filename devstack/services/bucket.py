"""An S3 endpoint on loopback (moto's server in a process of its own) with one empty bucket.

It keeps versions of its objects, as the deployed one does. moto keeps everything in memory and accepts any
credentials. This module knows nothing of what the bucket will hold.
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
"""The one region where a bucket needs no location constraint."""
ACCESS_KEY = "devstack"
"""Key id and secret alike: moto takes any."""
_RUNNING = re.compile(r"Running on (http://\S+:\d+)")
_REQUEST_SECONDS = 10.0
_VERSIONED = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"


@dataclass(frozen=True)
class Bucket:
    """An empty bucket: its name, the endpoint (``http://host:port``) that has it, and its process if it is ours."""

    name: str
    endpoint: str
    child: Child | None = None


def start_bucket(children: Children, directory: Path, name: str) -> Bucket:
    """Start the endpoint, wait until it answers, and create the bucket.

    Raises:
        StackError: the endpoint does not start, or refuses the bucket.
    """
    child = children.start(
        "moto_server",
        [sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", "0"],
        env={"PATH": os.defpath, "PYTHONUNBUFFERED": "1"},
        cwd=directory,
        log=directory / "moto.log",
    )
    # The server picks its port itself and says so only after it has bound it.
    found = child.wait_until(lambda: _RUNNING.search(child.log_text()))
    bucket = Bucket(name, found.group(1), child)
    connection = http.client.HTTPConnection(urlsplit(bucket.endpoint).netloc, timeout=_REQUEST_SECONDS)
    try:
        for target, document in ((f"/{name}", None), (f"/{name}?versioning", _VERSIONED)):
            connection.request("PUT", target, document)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != http.client.OK:
                raise StackError(f"The bucket {name} cannot be created: {body.decode(errors='replace')}")
    finally:
        connection.close()
    return bucket
