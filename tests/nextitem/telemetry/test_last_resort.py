"""A fault of the telemetry raises nothing, and leaves a line on stderr."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FUNCTIONS = Path(__file__).parents[3] / "functions"
REPORT_EVERYTHING = """
import os, sys
from nextitem.errors import StoreUnavailable
from nextitem.telemetry.record import RequestRecord, Telemetry, process_age_ms
process_age_ms()
telemetry = Telemetry({"process_start": 1.0}, "shop")
telemetry.prepare()
record = RequestRecord()
record.add_fault(StoreUnavailable("no answer in time"))
telemetry.emit(record, 200)
telemetry.report_fault(StoreUnavailable("no secret"))
try:
    raise KeyError("a bug")
except KeyError:
    telemetry.report_exception("unexpected error")
sys.stdout = None  # else the interpreter flushes a closed stdout at its end
os._exit(7)
"""


def report_everything(redirection: str = "", **variables: str) -> list[str]:
    """Run the telemetry in a process of its own, and return its stdout and stderr, line by line."""
    command = ["/bin/sh", "-c", f'exec "$0" -c "$1" {redirection}', sys.executable, REPORT_EVERYTHING]
    environment = {"PATH": os.defpath, "PYTHONPATH": str(FUNCTIONS), "PYTHONUNBUFFERED": "1", **variables}
    run = subprocess.run(command, env=environment, capture_output=True, check=False, text=True)
    assert run.returncode == 7, run.stderr
    return [*run.stdout.splitlines(), *run.stderr.splitlines()]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POWERTOOLS_LOG_LEVEL", "verbose"),
        ("POWERTOOLS_LOGGER_SAMPLE_RATE", "often"),
        ("POWERTOOLS_LOG_DEDUPLICATION_DISABLED", "perhaps"),
        ("POWERTOOLS_DEBUG", "perhaps"),
        ("POWERTOOLS_DEV", "perhaps"),
    ],
)
def test_a_wrong_variable_loses_no_line(name: str, value: str) -> None:
    text = "\n".join(report_everything(**{name: value}))

    assert "telemetry failed" in text
    for detail in (value, "no answer in time", "no secret", "a bug", "store_faults", "route_faults"):
        assert detail in text.lower()


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-"])
def test_without_stdout_the_metrics_go_to_stderr(redirection: str) -> None:
    lines = [line for line in report_everything(redirection) if "telemetry failed" in line]

    metrics = [json.loads(line)["arguments"][2] for line in lines if "requests" in line]
    assert [record["store_faults"] for record in metrics] == [1]


def test_without_any_output_nothing_is_raised() -> None:
    assert report_everything(">&- 2>&-", POWERTOOLS_LOG_LEVEL="verbose") == []
