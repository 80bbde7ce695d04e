"""A real Prometheus scrapes what a sink exposes, loads the rules, and answers every query of the dashboard."""

import json
import shutil
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from container import metrics_files
from container.prometheus_sink import PrometheusSink, exposition
from devstack.processes.children import LOOPBACK, free_port
from nextitem.telemetry import prometheus
from observability.__main__ import GRAFANA, RULES

PROMETHEUS = shutil.which("prometheus")
SECONDS = 30.0
ROUNDS, PER_ROUND = 4, 50
ANSWER = {"stack": "shop", "model_version": "v1", "variant": "main", "served_by": "session", "placement": "home"}
VALUES = {metric.name: -2.5 if metric.name == "top_score" else 1.0 for metric in prometheus.EXPOSED} | {"total_ms": 2.6}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROMETHEUS is None, reason="prometheus is not installed (Debian: prometheus)"),
]


class _Metrics(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body, content_type = exposition()
        self.send_response(200)
        self.send_header("content-type", content_type)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@dataclass(frozen=True)
class Server:
    """A Prometheus on this machine."""

    address: str

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer of its API."""
        url = f"{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - loopback
            document = json.load(answer)
        assert document["status"] == "success", document
        return document["data"]

    def values(self, query: str) -> list[float]:
        """Return the values of a query now."""
        return [float(each["value"][1]) for each in self.get("query", query=query)["result"]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that has scraped some rounds of records."""
    folder = tmp_path_factory.mktemp("prometheus")
    with pytest.MonkeyPatch.context() as patch, ThreadingHTTPServer((LOOPBACK, 0), _Metrics) as metrics:
        patch.delenv(metrics_files.VARIABLE, raising=False)
        threading.Thread(target=metrics.serve_forever, daemon=True).start()
        with metrics_files.metrics_directory(), _running(folder, metrics.server_port) as prometheus_server:
            sink = PrometheusSink("shop")
            for number in range(1, ROUNDS + 1):
                for _ in range(PER_ROUND):
                    sink.write(ANSWER, VALUES, {})
                sink.set_load(3, 1)
                _wait_for(prometheus_server, number * PER_ROUND)
            yield prometheus_server
            sink.close()
        metrics.shutdown()


class _running:  # noqa: N801 - used like a function
    """A process of Prometheus for a block."""

    def __init__(self, folder: Path, scraped: int) -> None:
        self._port = free_port()
        configuration = folder / "prometheus.yml"
        target = {"targets": [f"{LOOPBACK}:{scraped}"]}
        document = {
            "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"},
            "rule_files": [str(RULES)],
            "scrape_configs": [{"job_name": "nextitem", "static_configs": [target]}],
        }
        configuration.write_text(yaml.safe_dump(document))
        assert PROMETHEUS is not None
        self._log = (folder / "log").open("w")
        self._process = subprocess.Popen(
            [
                PROMETHEUS,
                f"--config.file={configuration}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={LOOPBACK}:{self._port}",
            ],
            stdout=self._log,
            stderr=self._log,
        )

    def __enter__(self) -> Server:
        return Server(f"http://{LOOPBACK}:{self._port}")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._log.close()


def _wait_for(server: Server, requests: int) -> None:
    limit = time.monotonic() + SECONDS
    while time.monotonic() < limit:
        try:
            if sum(server.values("nextitem_requests_total")) == requests:
                return
        except OSError:
            pass  # it has not started yet
        time.sleep(0.1)
    raise AssertionError(f"Prometheus has not scraped {requests} requests within {SECONDS:g} s")


def test_counters_and_percentiles_are_those_that_were_written(server: Server) -> None:
    assert server.values('nextitem_requests_total{served_by="session"}') == [ROUNDS * PER_ROUND]
    assert server.values("sum(nextitem_requests_in_flight)") == [3]

    (p99,) = server.values(query_of("p99 inside a worker"))
    assert 2 < p99 <= 3, "2.6 ms are in the bucket from 2 to 3 ms"
    (score,) = server.values(query_of("First score"))
    assert score == pytest.approx(-2.5)
    (hit_rate,) = server.values(query_of("Online hit@20"))
    assert hit_rate == pytest.approx(1)


def test_every_query_of_the_dashboard_has_data(server: Server) -> None:
    empty = [
        (panel["title"], target["legendFormat"])
        for panel in panels()
        for target in panel["targets"]
        if not server.values(target["expr"].replace("$stack", "shop"))
    ]
    assert empty == [("Alarms that page or open a ticket", "{{severity}} {{alertname}}")], "nothing fires yet"


def test_the_stacks_can_be_chosen(server: Server) -> None:
    assert server.get("label/stack/values", **{"match[]": "nextitem_requests_total"}) == ["shop"]


def test_the_rules_are_loaded(server: Server) -> None:
    groups = server.get("rules")["groups"]
    assert {group["name"] for group in groups} == {"nextitem-states", "nextitem-alerts"}
    assert {rule["health"] for group in groups for rule in group["rules"]} <= {"ok", "unknown"}


def panels() -> list[dict[str, Any]]:
    """The panels of the dashboard that ask something."""
    return [panel for panel in json.loads(GRAFANA.read_text())["panels"] if "targets" in panel]


def query_of(title: str) -> str:
    """Return the first query of a panel, for the stack of the tests."""
    panel = next(panel for panel in panels() if panel["title"] == title)
    return str(panel["targets"][0]["expr"]).replace("$stack", "shop")
