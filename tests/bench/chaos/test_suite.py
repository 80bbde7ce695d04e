"""A few quick faults from start to end: the function survives them, and what must not pass does not."""

import sys

import pytest

from bench.chaos import __main__ as command
from bench.chaos import blows
from bench.chaos.faults import FAULTS, Fault
from bench.chaos.report import document
from bench.chaos.run import Pace, Row
from bench.chaos.scenes import Scene, present
from bench.chaos.suite import rows
from nextitem.sessions.codec import SNAPSHOT_CODEC

QUICK = ("SIGSTOP 1 s", "workers frozen, hung up on", "FLUSHALL", "half-closed sockets", "connections reset")
UNDECLARED, DAMAGE = "FLUSHALL that nobody declared", "hidden states doubled in the store"
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
"""Doubles a session's hidden state under a checksum that holds: what no codec notices."""


def spoil_states(scene: Scene) -> None:
    for key in scene.live_keys():
        present(scene.server).ask("EVAL", DOUBLING, 1, key, SNAPSHOT_CODEC.decode())


SINGLE = [
    *(fault for fault in FAULTS if fault.name in QUICK and fault.shape == "single"),
    Fault(UNDECLARED, "single", blows.flushed),
    Fault(DAMAGE, "single", spoil_states),
]
PROXIED = [fault for fault in FAULTS if fault.name in QUICK and fault.shape == "proxied"]


@pytest.fixture(scope="module")
def found() -> dict[str, Row]:
    return {row.fault: row for row in rows([*SINGLE, *PROXIED], sessions=SESSIONS, pace=PACE)}


@pytest.mark.slow
@pytest.mark.parametrize("fault", QUICK)
def test_a_fault_costs_no_more_than_it_must(found: dict[str, Row], fault: str) -> None:
    # GIVEN a fault under traffic WHEN it is over
    row = found[fault]

    # THEN there was an answer to everything, nothing is wrong with any of them, and the function is back
    assert row.verdict.findings == []
    assert (row.http_5xx, row.verdict.doubled, row.verdict.corrupted, row.verdict.unexcused) == (0, 0, 0, 0)
    assert row.recovery_s is not None
    assert row.passed

    # AND that was looked at: events acknowledged, answers and hidden states compared, sessions beyond the window, too
    assert min(row.verdict.acknowledged, row.verdict.answers_checked, row.verdict.snapshots_checked) > 0
    assert row.verdict.beyond_window > 0 or row.destroys
    assert document(row).keys() >= REQUIRED


@pytest.mark.slow
def test_what_a_fault_destroys_by_its_nature_is_counted(found: dict[str, Row]) -> None:
    assert found["FLUSHALL"].verdict.lost > 0


@pytest.mark.slow
def test_a_loss_that_is_not_in_a_fault_s_nature_fails_the_run(found: dict[str, Row]) -> None:
    row = found[UNDECLARED]
    assert row.verdict.unexcused > 0
    assert not row.passed


@pytest.mark.slow
def test_spoilt_hidden_states_fail_the_run(found: dict[str, Row]) -> None:
    row = found[DAMAGE]
    assert row.verdict.corrupted > 0
    assert not row.passed


def test_the_faults_are_named_and_nothing_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["chaos", "--list"])
    assert command.main() == 0
    assert capsys.readouterr().out.splitlines() == [fault.name for fault in FAULTS]


def test_faults_have_names_of_their_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
