"""Make a Linux user, network and mount namespace and hold it, or enter one. Needs no root.

Runs by itself (``python -I -S namespace_process.py``) and imports only the standard library, so that it starts fast:

- ``probe``: make a namespace and end. It fails where this machine allows none.
- ``hold FD ADDRESS MOUNTS``: make a namespace, bind the files and folders of MOUNTS (JSON pairs of source and target),
  and listen there on request: each message on the socket FD is ``ADDRESS PORT``, each reply carries a listening socket.
  It ends with the other side of FD.
- ``enter PID SCRATCH KEPT... -- COMMAND...``: replace itself by a command inside the namespace that PID holds, with the
  folder SCRATCH as its own /tmp. The folders KEPT stay visible although they are below /tmp.

`os.unshare` and `os.setns` are new in Python 3.12, and `mount` is in no version; so the calls are made by ctypes.
"""

import contextlib
import ctypes
import json
import os
import socket
import struct
import sys
from pathlib import Path

_NEWNS, _NEWUSER, _NEWNET = 0x00020000, 0x10000000, 0x40000000
"""The kinds of namespaces, https://man7.org/linux/man-pages/man7/namespaces.7.html."""
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_LOOPBACK_INDEX = 1
"""Index of the loopback device in every network namespace."""
_TMP = Path("/tmp")  # noqa: S108 - the mount point, not a file
_libc = ctypes.CDLL(None, use_errno=True)


def probe() -> None:
    """Make a namespace as `hold` does.

    Raises:
        OSError: this machine allows none.
    """
    _isolate()
    _configure_loopback("192.0.2.1")


def hold(channel: socket.socket, address: str, mounts: list[tuple[str, str]]) -> None:
    """Make a namespace and listen there on request, until the other side of the channel is closed.

    Args:
        channel: a Unix socket of packets.
        address: the IPv4 address of those who call from inside.
        mounts: pairs of source and target.
    """
    _isolate()
    _configure_loopback(address)
    for source, target in mounts:
        _mount(source, target)
    channel.send(b"ready")
    while request := channel.recv(128):
        host, port = request.decode().split()
        try:
            _add_address(host)
            listening = socket.create_server((host, int(port)))
        except OSError as error:
            channel.send(f"{host}:{port}: {error}".encode())
        else:
            with listening:
                socket.send_fds(channel, [b"ok"], [listening.fileno()])


def enter(pid: str, scratch: str, kept: list[str], command: list[str]) -> None:
    """Replace this process by a command inside a namespace; the working directory stays.

    Args:
        pid: of the process that holds the namespace.
        scratch: folder that is /tmp for the command; empty: it sees the machine's own.
        kept: folders that the command needs; only those below /tmp matter.
        command: the program's path and its arguments.
    """
    folder = Path.cwd()
    # Not `os.environ`: an interpreter may add LC_CTYPE to its own (PEP 538), which the command must not get.
    variables = dict(entry.split(b"=", 1) for entry in Path("/proc/self/environ").read_bytes().split(b"\0") if entry)
    with contextlib.ExitStack() as opened:
        spaces = [opened.enter_context(Path("/proc", pid, "ns", kind).open("rb")) for kind in ("user", "net", "mnt")]
        for space in spaces:
            _check(_libc.setns(space.fileno(), 0), "setns")
    if scratch:
        _replace_tmp(scratch, [path for path in map(Path, kept) if path.is_relative_to(_TMP)])
    os.chdir(folder)
    os.execve(command[0], command, variables)  # noqa: S606 - our own workers


def _replace_tmp(scratch: str, kept: list[Path]) -> None:
    """Mount a folder over /tmp in a mount namespace of its own, and what must stay visible over that."""
    _check(_libc.unshare(_NEWNS), "unshare")
    opened = [(path, os.open(path, os.O_PATH)) for path in kept]
    _mount(scratch, str(_TMP))
    for path, descriptor in opened:
        path.mkdir(parents=True, exist_ok=True)
        _mount(f"/proc/self/fd/{descriptor}", str(path))
        os.close(descriptor)


def _isolate() -> None:
    """Leave the namespaces of the machine; users and groups keep their numbers."""
    waiting, isolated = os.pipe()
    # Only a process outside may map more than one user, which root needs to read files of other users.
    mapper = os.fork()
    if not mapper:
        os.close(isolated)
        os._exit(_map_users(os.getppid()) if os.read(waiting, 1) else 1)
    _check(_libc.unshare(_NEWUSER | _NEWNET | _NEWNS), "unshare")
    os.write(isolated, b"x")
    _, status = os.waitpid(mapper, 0)
    if status:
        raise OSError(os.waitstatus_to_exitcode(status), "users cannot be mapped into a user namespace")
    os.close(waiting)
    os.close(isolated)
    _check(_libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None), "mount")


def _map_users(pid: int) -> int:
    """Map every user and group to itself, or else only the own ones; return an exit code."""
    process = Path("/proc", str(pid))
    try:
        for kind, own in (("uid_map", os.geteuid()), ("gid_map", os.getegid())):
            ranges = [line.split() for line in Path("/proc/self", kind).read_text().splitlines()]
            try:
                (process / kind).write_text("".join(f"{first} {first} {count}\n" for first, _, count in ranges))
            except PermissionError:
                if kind == "gid_map":  # the kernel's condition for a user who is not root
                    (process / "setgroups").write_text("deny")
                (process / kind).write_text(f"{own} {own} 1\n")
    except OSError as error:
        return error.errno or 1
    return 0


def _configure_loopback(address: str) -> None:
    """Start the loopback device, with `address` as the caller's own; packets to others vanish there.

    A route over loopback to an address that is not local is a black hole without an error: packets are discarded in
    silence, so that connections time out, as in a VPC. (A `blackhole` route would fail at once, with EINVAL.)
    """
    up = 1
    _netlink(16, 0, struct.pack("=BBHiII", 0, 0, 0, _LOOPBACK_INDEX, up, up))  # RTM_NEWLINK
    _add_address(address)
    main_table, static, link_scope, unicast = 254, 4, 253, 1
    default = struct.pack("=BBBBBBBBI", socket.AF_INET, 0, 0, 0, main_table, static, link_scope, unicast, 0)
    device, source = _attribute(4, struct.pack("=I", _LOOPBACK_INDEX)), _attribute(7, socket.inet_aton(address))
    _netlink(24, 0x600, default + device + source)  # RTM_NEWROUTE


def _add_address(address: str) -> None:
    """Make an address local; 127.0.0.0/8 is local already, and so may others be."""
    if address.startswith("127."):
        return
    local = socket.inet_aton(address)
    body = struct.pack("=BBBBI", socket.AF_INET, 32, 0, 0, _LOOPBACK_INDEX)
    with contextlib.suppress(FileExistsError):
        _netlink(20, 0x600, body + _attribute(2, local) + _attribute(1, local))  # RTM_NEWADDR


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data


def _netlink(kind: int, flags: int, body: bytes) -> None:
    """Send a request to the kernel's routing, https://man7.org/linux/man-pages/man7/rtnetlink.7.html.

    Raises:
        OSError: the kernel refused.
    """
    request_and_acknowledge = 5
    header = struct.pack("=IHHII", 16 + len(body), kind, flags | request_and_acknowledge, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
        kernel.send(header + body)
        (code,) = struct.unpack_from("=i", kernel.recv(4096), len(header))
    if code:
        raise OSError(-code, os.strerror(-code))


def _mount(source: str, target: str) -> None:
    _check(_libc.mount(os.fsencode(source), os.fsencode(target), None, _MS_BIND | _MS_REC, None), f"mount {target}")


def _check(result: int, call: str) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, f"{call}: {os.strerror(code)}")


def main(arguments: list[str]) -> None:
    """Run one of the commands above."""
    match arguments:
        case ["probe"]:
            probe()
        case ["hold", descriptor, address, mounts]:
            with socket.socket(fileno=int(descriptor)) as channel:
                hold(channel, address, json.loads(mounts))
        case ["enter", pid, scratch, *rest]:
            end = rest.index("--")
            enter(pid, scratch, rest[:end], rest[end + 1 :])
        case _:
            raise SystemExit("see the text at the top of this file")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as error:
        raise SystemExit(str(error)) from None
