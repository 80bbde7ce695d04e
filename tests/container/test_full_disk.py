"""A disk without room costs metrics, and neither processes nor scrapes. These tests need root."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from container.metrics_files import VARIABLE

FUNCTIONS = Path(__file__).parents[2] / "functions"
BEGINNING = """
import os, sys
from pathlib import Path
from container.metrics_files import metrics_directory
from container.prometheus_sink import PrometheusSink, exposition

def answer(version):
    sink.write(
        {"stack": "shop", "model_version": version, "variant": "main", "served_by": "session"},
        {"requests": 1, "total_ms": 3.0}, {},
    )

def fill():
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 12))
        except OSError as error:
            print(error, file=sys.stderr)

with metrics_directory() as directory:
    filler = directory / "other.bin"
"""
NEW_SERIES = """
    sink = PrometheusSink("shop")
    answer("v0")
    fill()
    for number in range(40):
        answer(f"v{number}")
    exposition()
    filler.unlink()
    answer("v39")
    answer("v100")
    print(exposition()[0].decode())
    sink.close()
"""
NEW_WORKER = """
    first = sink = PrometheusSink("shop")
    answer("v0")
    fill()
    sink = PrometheusSink("shop")
    answer("v0")
    sink.set_load(1, 0)
    exposition()
    assert sorted(path.name for path in directory.glob("*_1.db")) == []
    filler.unlink()
    sink.set_load(1, 0)
    answer("v0")
    print(exposition()[0].decode())
    sink.close()
    first.close()
"""

Samples = dict[tuple[str, str], float]


def printed(disk: Path, program: str) -> Samples:
    """The values by name and version that a program prints, on a disk of a megabyte that only its process sees."""
    mount = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"', str(disk)]
    if subprocess.run([*mount, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine allows no mount: it needs root")
    environment = {**os.environ, "PYTHONPATH": str(FUNCTIONS), VARIABLE: str(disk)}
    command = [*mount, sys.executable, "-c", BEGINNING + program]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "No space left on device" in ended.stderr.splitlines()[0]
    assert ended.stderr.count("no room for metrics") == 1, "it is said once"
    return {
        (sample.name, sample.labels.get("model_version", "")): sample.value
        for family in text_string_to_metric_families(ended.stdout)
        for sample in family.samples
    }


def test_new_series_are_counted_once_there_is_room(tmp_path: Path) -> None:
    counts = printed(tmp_path, NEW_SERIES)
    # THEN known series were counted, and new ones are from then on
    assert [counts["nextitem_requests_total", version] for version in ("v0", "v39", "v100")] == [2, 1, 1]
    assert ("nextitem_requests_total", "v38") not in counts
    # AND their counters of events begin with 0
    assert [counts["nextitem_purchase_conversions_total", version] for version in ("v0", "v39", "v100")] == [0, 0, 0]


def test_a_new_worker_counts_once_there_is_room(tmp_path: Path) -> None:
    counts = printed(tmp_path, NEW_WORKER)
    assert counts["nextitem_requests_total", "v0"] == 2, "one was not counted"
    assert counts["nextitem_requests_in_flight", ""] == 1
