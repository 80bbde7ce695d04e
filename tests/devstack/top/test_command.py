"""``python -m devstack top`` on handmade logs and on a running stack."""

import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from devstack.__main__ import main
from devstack.publish import demo_artifact
from devstack.stack import Stack
from tests.devstack.top.emf_lines import VERSION, lines, record
from tests.functions.client import Client

COUNT = 40


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A stack's directory with forty recent requests of two workers, a tenth of them slow."""
    now = time.time()
    for worker in (1, 2):
        records = [
            record(
                now - 10 - number,
                total_ms=200 if number % 10 == 0 else 2,
                slow=int(number % 10 == 0),
                cold_start=int(number == 0),
                labels=1,
                hits_20=int(number % 4 == 0),
                clicks=0,
                served_by="session" if number % 2 else "popular",
            )
            for number in range(COUNT // 2)
        ]
        (tmp_path / f"worker-000{worker}.log").write_text("starting\n" + lines(*records))
    return tmp_path


def written(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_json_has_the_figures_of_the_logs(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--json", "--logs", str(logs)]) == 0

    document = written(capsys)
    assert (document["requests"], document["cold_starts"], document["bad_records"]) == (COUNT, 2, 0)
    assert (document["slow_share"], document["hit_rate"], document["failed_share"]) == (0.1, 0.25, 0)
    assert document["served_by"] == {"session": 0.5, "popular": 0.5}
    assert document["p50_ms"] == pytest.approx(2, rel=0.0101)
    assert document["p99_ms"] == pytest.approx(200, rel=0.0101)
    assert document["requests_per_second"] == pytest.approx(COUNT / 300)
    (version,) = document["versions"]
    assert (version["version"], version["variant"], version["requests"]) == (VERSION, "main", COUNT)
    assert {alarm["name"]: alarm["state"] for alarm in document["alarms"]}["store-down"] == "OK"


def test_the_view_has_the_figures_of_the_logs(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--once", "--logs", str(logs)]) == 0
    output = capsys.readouterr().out
    for part in ("40, 0.1/s", "cold starts", "10.0%", "popular 50.0%, session 50.0%", VERSION, "no alarm"):
        assert part in output


def test_an_alarm_is_shown_with_its_runbook(
    logs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    now = time.time()
    down = [record(now - seconds, store_faults=1) for seconds in range(1, 300)]
    (logs / "worker-0003.log").write_text(lines(*down))

    assert main(["top", "--once", "--logs", str(logs)]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("store-down"))
    assert "page" in line
    assert "docs/runbooks/store-down.md" in line


def test_another_stack_is_watched_by_its_name(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (logs / "worker-0003.log").write_text(lines(record(time.time() - 5, stack="nextitem-staging")))

    assert main(["top", "--json", "--logs", str(logs), "--stack", "nextitem-staging"]) == 0
    assert written(capsys)["requests"] == 1
    assert main(["top", "--json", "--logs", str(logs)]) == 0
    assert written(capsys)["requests"] == COUNT


def test_a_damaged_line_is_counted(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (logs / "worker-0003.log").write_text('{"_aws": "tea"}\n')
    assert main(["top", "--json", "--logs", str(logs)]) == 0
    assert written(capsys)["bad_records"] == 1
    assert main(["top", "--once", "--logs", str(logs)]) == 0
    assert "1 lines of the log cannot be read" in capsys.readouterr().out


def test_the_live_view_follows_the_logs_until_the_stack_ends(
    logs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter(("answers", "ends"))

    def between_looks(_seconds: float) -> None:
        if next(looks) == "ends":
            shutil.rmtree(logs)
        else:
            with (logs / "worker-0001.log").open("a") as log:
                log.write(lines(record(time.time() - 5)))

    monkeypatch.setattr(time, "sleep", between_looks)

    assert main(["top", "--logs", str(logs)]) == 0
    assert f"{COUNT + 1}, " in capsys.readouterr().out


def test_ctrl_c_ends_the_live_view(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    assert main(["top", "--logs", str(logs)]) == 0


def test_without_a_stack_it_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert main(["top", "--json"]) == 1
    assert capsys.readouterr().err.startswith("No stack is running here")


@pytest.mark.parametrize("options", [("--window", "0"), ("--json", "--once")])
def test_options_out_of_range_are_usage_errors(options: tuple[str, str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["top", *options])
    assert ended.value.code == 2


@pytest.mark.slow
def test_a_running_stack_is_watched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Stack(artifact=demo_artifact(), max_workers=1) as stack:
        client = Client(stack)
        for _ in range(3):
            client.request("GET", "/v1/health")
        assert client.recommend([]).status == 200

        assert main(["top", "--json"]) == 0

    document = written(capsys)
    assert (document["requests"], document["cold_starts"], document["bad_records"]) == (4, 1, 0)
    assert document["served_by"] == {"popular": 0.25}
    assert [(version["version"], version["requests"]) for version in document["versions"]] == [(stack.version, 1)]
