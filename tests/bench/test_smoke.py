"""The small run of all benchmarks lacks none, and reports one that fails."""

from pathlib import Path

import pytest

from bench import smoke
from bench.engine import catalogue
from tests.building import ROOT

HELPERS = {
    "bench",
    "bench.drill",
    "bench.engine.resident_memory",
    "bench.function.s3_proxy",
    "bench.serve.torch_server",
}
"""`make bench` itself, the drill, whose smallest story takes minutes, and processes that benchmarks start."""


def commands_of_bench() -> set[str]:
    paths = [path for path in (ROOT / "bench").rglob("*.py") if '__name__ == "__main__"' in path.read_text()]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__") for path in paths}


def test_every_benchmark_has_a_small_size() -> None:
    assert {*smoke.FIRST, *smoke.SMALL} == commands_of_bench() - HELPERS


@pytest.mark.slow
def test_a_benchmark_that_fails_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN one benchmark that works and one with a wrong option
    monkeypatch.setattr(catalogue, "trained_run", lambda _hidden, _sessions: tmp_path)
    monkeypatch.setattr(smoke, "FIRST", {"bench.store.append_script": ("--help",)})
    monkeypatch.setattr(smoke, "SMALL", {"bench.store.append_script": ("--no-such-option", "EVENTS")})
    # WHEN all run THEN the outcome of each is there, with what it printed
    works, fails = smoke.run_small(tmp_path)
    assert works.status == 0
    assert (fails.status, fails.command.split()[-1]) == (2, str(tmp_path / "events.csv"))
    assert "unrecognized arguments" in fails.output
