"""Starts the image as its Deployment does: with the manifest's variables, another user, and a file system to read only.

`docker run` does so where Docker answers. Elsewhere a mount namespace holds what `kubernetes/install.sh` installs.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from devstack.container import READY_SECONDS, served_address
from devstack.processes.children import LOOPBACK, Child, Children
from devstack.services.bucket import ACCESS_KEY, REGION
from devstack.stack import KEY_SECRET, Stack
from tests.building import ROOT, make
from tests.kubernetes.manifests import BASE, literals, of_kind, pod_of, resources

USER = 65532
IMAGE = "nextitem-test"
READ_ONLY = r"""
app=$1 python=$2 user=$3
shift 3
mount -t tmpfs tmpfs /mnt
mkdir /mnt/app /mnt/python
mount --bind "$app" /mnt/app
mount --bind "$python" /mnt/python
mount -t tmpfs -o mode=1777 tmpfs /tmp
for point in / /mnt/app /mnt/python /mnt; do mount -o remount,ro,bind "$point"; done
cd /mnt/app
exec setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
    env -i PATH=/mnt/python/bin:/usr/bin:/bin LD_LIBRARY_PATH=/mnt/python/lib \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 "$@" python3.13 -m container
"""
"""Arguments: the installed folder, the interpreter's prefix, the user, and variables as NAME=VALUE."""


def install(folder: Path, python313: Path) -> Path:
    """Install the image's content into a folder, as the Dockerfile does."""
    subprocess.run([ROOT / "kubernetes/install.sh", folder, python313], cwd=ROOT, check=True)
    return folder


def variables(stack: Stack) -> dict[str, str]:
    """Return the Deployment's variables, with the addresses of a stack and a free port."""
    [deployment] = of_kind(resources(BASE), "Deployment")
    return literals(pod_of(deployment)["containers"][0]) | {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_ENDPOINT_URL_S3": stack.s3_endpoint,
        "AWS_REGION": REGION,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "NEXTITEM_BUCKET": stack.bucket,
        "NEXTITEM_DEADLINE_MS": "20000",  # a busy machine is no reason to go without the store
        "NEXTITEM_DRAIN_DELAY_SECONDS": "0",
        "NEXTITEM_HOST": LOOPBACK,
        "NEXTITEM_KEY_SECRET": KEY_SECRET,
        "NEXTITEM_PORT": "0",
        "NEXTITEM_STORE_TIMEOUT_MS": "5000",
        "NEXTITEM_STORE_URL": stack.store_url,
    }


def namespace_command(installed: Path, python313: Path, given: Mapping[str, str]) -> list[str]:
    """Return a command that serves inside a mount namespace; skip where none can be made."""
    probe = ["unshare", "--mount", "--propagation", "private", "true"]
    if shutil.which("unshare") is None or os.geteuid() or subprocess.run(probe, check=False).returncode:
        pytest.skip("only root can make a mount namespace")
    arguments = [str(installed), str(python313.parents[1]), str(USER), *(f"{key}={given[key]}" for key in given)]
    return [*probe[:-1], "sh", "-euc", READ_ONLY, "sh", *arguments]


def docker_command(given: Mapping[str, str]) -> list[str]:
    """Build the image and return a command that serves in a container; skip where Docker does not answer."""
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "info"], capture_output=True, check=False).returncode:
        pytest.skip("Docker does not answer")
    make("--silent", "image", IMAGE=IMAGE)
    options = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]  # noqa: S108 - the container's
    settings = [part for name in given for part in ("--env", f"{name}={given[name]}")]
    return [docker, "run", "--rm", "--init", "--network", "host", *options, *settings, IMAGE]


def start(children: Children, command: list[str], log: Path) -> tuple[Child, str]:
    """Start a command and wait until it serves; return it and the address, such as ``127.0.0.1:41234``."""
    child = children.start("image", command, env={"PATH": os.environ["PATH"]}, cwd=ROOT, log=log)
    return child, child.wait_until(lambda: served_address(child), READY_SECONDS)
