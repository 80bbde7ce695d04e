"""A toy Lambda function; each event chooses what it does."""

import json
import os
import signal
import socket
import sys
from typing import Any

print("toy is loaded")  # noqa: T201 - what a worker prints is its log


def handler(event: Any, context: Any) -> Any:
    """Do what the event says; return the JSON body of an HTTP event, or else the event."""
    if "version" in event:
        return json.loads(event["body"]) if event.get("body", "").startswith("{") else event
    return _ACTIONS[event.get("do", "echo")](event, context)


def _visit_gate(event: Any, _context: Any) -> Any:
    with socket.create_connection(("127.0.0.1", event["gate"])) as gate:
        gate.sendall(b"%d\n" % os.getpid())
        gate.recv(1)
    return {"pid": os.getpid()}


def _raise(event: Any, _context: Any) -> Any:
    raise ValueError(event["message"])


def _describe(_event: Any, context: Any) -> Any:
    return {
        "pid": os.getpid(),
        "environment": dict(os.environ),
        "working_directory": os.getcwd(),  # noqa: PTH109 - as Lambda's documents name it
        "request_id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "remaining_ms": context.get_remaining_time_in_millis(),
    }


def _print_lines(event: Any, _context: Any) -> Any:
    for line in event["lines"]:
        print(line)  # noqa: T201
    print(event["lines"][0], file=sys.stderr)  # noqa: T201


_ACTIONS = {
    "echo": lambda event, _context: event,
    "describe": _describe,
    "gate": _visit_gate,
    "raise": _raise,
    "exit": lambda event, _context: os._exit(event["code"]),
    "die": lambda _event, _context: os.kill(os.getpid(), signal.SIGKILL),
    "grow": lambda event, _context: "x" * event["size"],
    "print": _print_lines,
}
