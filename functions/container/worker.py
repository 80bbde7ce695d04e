"""One worker process: ``python -m container.worker LISTENING CONTROL [needs-model]``; the supervisor starts it.

The arguments are file descriptors: the listening socket that all workers share, and a socket on which the worker says
that it serves (`heartbeat`). The supervisor's end of that socket closes when the supervisor dies; the worker then
stops, too. With `needs-model` it ends at its start if no model can be loaded: other workers have one.
"""

import logging
import signal
import socket
import sys

import startup  # before all other imports: the models are loaded while they go on

# isort: split
import application
from calls import CallExecutor
from container.admission import Admission
from container.api import Api
from container.heartbeat import NEEDS_MODEL, Pulse
from container.inference_api import InferenceApi
from container.prometheus_sink import PrometheusSink, exposition
from container.server import Drain, DrainingServer
from container.settings import ContainerSettings
from container.traces import start_traces
from nextitem.deadline import Deadline

STOPS = (signal.SIGTERM, signal.SIGINT)
SAVE_SECONDS = 2.0
"""Maximum time for the snapshots of the last requests to reach the store."""
FLUSH_SECONDS = 2.0
"""Maximum time for the spans of the last requests to reach the collector."""


def main(listening: socket.socket, control: socket.socket, *, needs_model: bool) -> int:
    """Serve until SIGTERM, or until the supervisor has gone, and return the exit code.

    Args:
        listening: the socket that all workers share.
        control: see the module.
        needs_model: see the module.
    """
    settings = ContainerSettings.read()
    begun = startup.take()
    try:
        sink = PrometheusSink(begun.settings.stack)
    except OSError as error:
        logging.error("no metrics can be kept: %s", error)  # noqa: TRY400 - it says all
        return 1
    deadline, route = begun.settings.deadline, begun.settings.route
    running = application.start(begun, sink, ready_first=True)
    del begun  # it would keep the first models after a change of the route
    running.warm_up()
    has_model = running.router.has_model
    if needs_model and not has_model():
        logging.warning("no model could be loaded: this worker does not take requests from those that have one")
        return 1
    traces = start_traces()
    startup.finish()
    admission = Admission(settings.concurrency, settings.queue, deadline)
    drain = Drain()
    executor, emit = CallExecutor(running), running.telemetry.emit
    inference = InferenceApi(executor, admission, route, lambda: has_model() and not drain.has_begun, emit)
    api = Api(executor, admission, inference, drain, has_model=has_model, metrics=exposition, emit=emit, traces=traces)

    def on_started() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())  # blocked by the supervisor until now
        Pulse(control, has_model, on_gone=server.begin_drain)

    server = DrainingServer(
        api,
        drain,
        delay=settings.drain_delay_seconds,
        drain_seconds=settings.drain_seconds,
        on_started=on_started,
        on_tick=lambda: sink.set_load(admission.in_flight, admission.waiting),
    )
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # no line for each request that is no HTTP
    for number in STOPS:  # the server restores this at its end; `SIG_IGN` would drop a signal that is pending now
        signal.signal(number, lambda *_: None)
    server.run(sockets=[listening])
    for number in STOPS:  # the interpreter's end restores all others to the default
        signal.signal(number, signal.SIG_IGN)
    admission.close()
    running.finish(Deadline.after(SAVE_SECONDS))
    sink.close()
    traces.close(FLUSH_SECONDS)
    return 0


if __name__ == "__main__":
    sockets = (socket.socket(fileno=int(text)) for text in sys.argv[1:3])
    sys.exit(main(*sockets, needs_model=NEEDS_MODEL in sys.argv[3:]))
