"""The blows to one server, to the way to it, and to the workers. Each lifts what can be lifted before it returns."""

import os
import signal
import threading
import time
from collections.abc import Callable

from bench.chaos.proxy import Mode
from bench.chaos.scenes import Scene, present

HOLD_SECONDS = 1.0
"""How long a fault lasts that is lifted."""
LONG_SECONDS = 3.0
"""How long one lasts that outlasts the breaker's rest."""
AGAIN_SECONDS = 0.05
"""Between two blows of a fault that strikes repeatedly."""
STILL_SECONDS = 0.1
"""Between the last answer and the workers' freeze: they ask for their next invocation meanwhile."""
_NEVER = threading.Event()


def hold(seconds: float = HOLD_SECONDS) -> None:
    """Let a fault last."""
    _NEVER.wait(seconds)


def again(blow: Callable[[], object]) -> None:
    """Strike repeatedly."""
    until = time.monotonic() + HOLD_SECONDS
    while time.monotonic() < until:
        blow()
        hold(AGAIN_SECONDS)


def nothing(_scene: Scene) -> None:
    """No fault, to compare with."""
    hold()


def stopped(seconds: float) -> Callable[[Scene], None]:
    """The server hangs."""

    def strike(scene: Scene) -> None:
        pid = present(scene.server).child.pid
        os.kill(pid, signal.SIGSTOP)
        hold(seconds)
        os.kill(pid, signal.SIGCONT)

    return strike


def paused(scene: Scene) -> None:
    """The server answers no client."""
    present(scene.server).ask("CLIENT", "PAUSE", int(HOLD_SECONDS * 1000), "ALL")
    hold()


def scripts_flushed(scene: Scene) -> None:
    """The server forgets its scripts."""
    again(lambda: present(scene.server).ask("SCRIPT", "FLUSH"))


def clients_killed(scene: Scene) -> None:
    """The server hangs up on every client."""
    again(lambda: kill_clients(scene))


def kill_clients(scene: Scene) -> None:
    """Have the server hang up on every client, once."""
    present(scene.server).ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def flushed(scene: Scene) -> None:
    """The server forgets all."""
    present(scene.server).ask("FLUSHALL")


def out_of_memory(scene: Scene) -> None:
    """The server refuses every write."""
    server = present(scene.server)
    server.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    server.ask("CONFIG", "SET", "maxmemory", 1)
    hold()
    server.ask("CONFIG", "SET", "maxmemory", 0)


def restarted(seconds: float) -> Callable[[Scene], None]:
    """The server dies, its port refuses connections, and an empty one takes its place."""

    def strike(scene: Scene) -> None:
        server = present(scene.server)
        server.child.kill()
        hold(seconds)
        server.start_again()

    return strike


def workers_frozen(scene: Scene) -> None:
    """Lambda freezes the idle workers, and meanwhile the server hangs up on them."""
    with scene.paused():
        hold(STILL_SECONDS)
        with scene.frozen():
            kill_clients(scene)
            hold()


def delayed(scene: Scene) -> None:
    """Every answer comes late."""
    _proxied(scene, "delay")


def swallowed(scene: Scene) -> None:
    """What either side sends is swallowed; then a network comes back that no longer knows its connections."""
    _proxied(scene, "swallow")


def _proxied(scene: Scene, mode: Mode) -> None:
    proxy = present(scene.proxy)
    proxy.mode = mode
    hold()
    if mode == "swallow":
        proxy.reset()
    proxy.mode = "pass"


def half_closed(scene: Scene) -> None:
    """The server's ends of the connections close, and the clients hear nothing."""
    again(present(scene.proxy).half_close)


def reset(scene: Scene) -> None:
    """Connections are reset."""
    again(present(scene.proxy).reset)


def partitioned(scene: Scene) -> None:
    """The line to the server is cut: every packet vanishes; then it is mended, connections and all."""
    line = present(scene.line)
    line.cut()
    hold(LONG_SECONDS)
    line.heal()
