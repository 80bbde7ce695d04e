"""Some quick faults from start to end: the function survives them, and undeclared damage fails the run."""

import sys

import pytest

from bench.chaos import __main__ as command
from bench.chaos import server_faults
from bench.chaos.catalogue import FAULTS, Fault
from bench.chaos.experiment import FaultResult, Pace
from bench.chaos.report import document
from bench.chaos.suite import run_faults
from bench.chaos.targets import Target, require
from nextitem.sessions.codec import SNAPSHOT_CODEC

DYING_COLLECTORS = "lost answers, dying collectors"
QUICK = (
    *("SIGSTOP 1 s", "workers frozen, hung up on", DYING_COLLECTORS, "FLUSHALL"),
    *("half-closed sockets", "connections reset"),
)
UNDECLARED, DAMAGE = "undeclared FLUSHALL", "hidden states doubled in the store"
PACE = Pace(before=0.4, after=0.6)
SESSIONS = 60
REQUIRED = {
    *("fault", "requests", "http_5xx", "acknowledged", "lost", "doubled", "corrupted"),
    *("p99_ms", "max_ms", "recovery_s"),
}
DOUBLING = """
local log = redis.call('HGET', KEYS[1], 'log')
if not log then return end
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  local bytes = redis.call('HGET', KEYS[1], name)
  if string.sub(name, 1, 2) == 'h:' and string.sub(bytes, 1, 1) == ARGV[1] then
    local body = string.sub(bytes, 10)
    local state, doubled = string.sub(body, 17), {}
    for at = 1, #state, 4 do doubled[#doubled + 1] = struct.pack('<f', 2 * struct.unpack('<f', state, at)) end
    body = string.sub(body, 1, 16) .. table.concat(doubled)
    redis.call('HSET', KEYS[1], name, ARGV[1] .. string.sub(redis.sha1hex(body), 1, 8) .. body)
  end
end
"""
"""Doubles a session's hidden state and corrects the checksum, so that the codec accepts it."""


def double_states(target: Target) -> None:
    for key in target.live_keys():
        require(target.server).ask("EVAL", DOUBLING, 1, key, SNAPSHOT_CODEC.decode())


SINGLE = [
    *(fault for fault in FAULTS if fault.name in QUICK and fault.shape == "single"),
    Fault(UNDECLARED, "single", server_faults.flush_all),
    Fault(DAMAGE, "single", double_states),
]
PROXIED = [fault for fault in FAULTS if fault.name in QUICK and fault.shape == "proxied"]


@pytest.fixture(scope="module")
def results() -> dict[str, FaultResult]:
    return {result.fault: result for result in run_faults([*SINGLE, *PROXIED], sessions=SESSIONS, pace=PACE)}


@pytest.mark.slow
@pytest.mark.parametrize("fault", QUICK)
def test_the_function_survives_a_fault(results: dict[str, FaultResult], fault: str) -> None:
    result = results[fault]
    assert (result.verdict.findings, result.lake.findings) == ([], [])
    assert result.passed

    # The oracle had something to check
    assert min(result.verdict.acknowledged, result.verdict.answers_checked, result.verdict.snapshots_checked) > 0
    assert document(result).keys() >= REQUIRED
    # and what the collector brought into the lake
    assert result.lake.events > 0
    assert result.lake.missing == 0 or result.destroys


@pytest.mark.slow
def test_sessions_beyond_the_window_are_checked_too(results: dict[str, FaultResult]) -> None:
    # on a slow machine not after each fault
    assert sum(result.verdict.beyond_window for result in results.values() if not result.destroys) > 0


@pytest.mark.slow
def test_declared_losses_are_counted(results: dict[str, FaultResult]) -> None:
    assert min(results["FLUSHALL"].verdict.lost, results["FLUSHALL"].lake.missing) > 0
    assert results[DYING_COLLECTORS].lake.deletions > 0


@pytest.mark.slow
def test_an_undeclared_loss_fails_the_run(results: dict[str, FaultResult]) -> None:
    result = results[UNDECLARED]
    assert min(result.verdict.unexplained, result.lake.unexplained) > 0
    assert not result.passed


@pytest.mark.slow
def test_wrong_hidden_states_fail_the_run(results: dict[str, FaultResult]) -> None:
    result = results[DAMAGE]
    assert result.verdict.corrupted > 0
    assert not result.passed


def test_the_list_option_shows_all_faults(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["chaos", "--list"])
    assert command.main() == 0
    assert capsys.readouterr().out.splitlines() == [fault.name for fault in FAULTS]


def test_names_of_faults_are_unique() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
