"""Each log line is one write, and reaches CloudWatch as the function wrote it, under both of Lambda's log formats.

Several processes may share a file or a pipe. Lambda leaves what the function prints as it is, and does not encode JSON
again: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
"""

import json
import os
import select
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.top.records import parse_line
from tests.nextitem.parts import PATIENCE_SECONDS

FUNCTIONS = Path(__file__).parents[3] / "functions"
MOST = 1 << 20
WRITE = """
import sys
from awslambdaric import bootstrap
bootstrap.init_logging()  # the parent of several processes does it, and each of them wraps stdout again
sys.stdout = bootstrap.Unbuffered(sys.stdout)
from nextitem.telemetry import metrics
from nextitem.errors import StoreUnavailable, VersionNotFound
from nextitem.sessions.feedback import CONVERSIONS, Feedback
from nextitem.sessions.session import Answerer
from nextitem.telemetry.record import RequestRecord, Telemetry
telemetry = Telemetry({"process_start": 1.0, "import": 2.0, "model_load": 3.0}, "shop")
record = RequestRecord()
record.set_served_by("session", "v" + "0" * 16, "main")
record.feedback = (Feedback(Answerer("v" + "0" * 16, "main"), 2, 1, dict.fromkeys(CONVERSIONS, 1)),)
for metric in metrics.METRICS:
    record.measure(metric, 1.0)
record.add_fault(StoreUnavailable("x" * 500))
telemetry.emit(record, 200)
telemetry.report_fault(VersionNotFound("y" * 500))
"""


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
@pytest.mark.slow
def test_each_line_is_one_write_of_the_function_alone(log_format: str) -> None:
    # GIVEN a log that keeps each write apart from the next, and the runtime client's way of writing
    reader, writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reader.settimeout(PATIENCE_SECONDS)
    with reader, writer:
        environment = {"PATH": os.defpath, "PYTHONPATH": str(FUNCTIONS), "AWS_LAMBDA_LOG_FORMAT": log_format}
        # WHEN the longest record there can be is written, and what else is logged
        subprocess.run([sys.executable, "-c", WRITE], env=environment, stdout=writer.fileno(), check=True)
        writer.close()
        writes = list(iter(lambda: reader.recv(MOST), b""))

    # THEN each write is a line, and whole
    documents = [json.loads(write) for write in writes]
    assert all(write.endswith(b"\n") and write.count(b"\n") == 1 for write in writes)
    assert [document.get("message", "metrics") for document in documents] == [
        "metrics",
        "store fault",
        "metrics",
        "background work failed",
    ]
    # AND the metrics are where CloudWatch looks for them
    assert [bool(parse_line(write.decode())) for write in writes] == [True, False, True, False]
    # AND none is so long that a pipe, or the writer's buffer, would cut it
    assert max(map(len, writes)) <= select.PIPE_BUF
