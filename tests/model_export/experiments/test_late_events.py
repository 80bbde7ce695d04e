"""Events that come into the lake later than a look expects: each session counts once, with all of its events."""

from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from model_export.experiments.live_sessions import epoch_ms
from model_export.experiments.new_look import new_look
from model_export.experiments.records import Look, Record, ShareChange
from model_export.lake.folder import LakeFolder
from model_export.lake.note import NOTE, Note
from model_export.lake.records import Record as Event
from nextitem.registry.experiment import CHALLENGER, CHAMPION
from tests.model_export.experiments.scene import RULES, START, TIMING, A, B, Measured, Scene
from tests.model_export.lake.test_reader import record as lake_record
from tests.model_export.lake.test_reader import write_lake

MINUTE = timedelta(minutes=1)
EXPERIMENT = Record("e0123456789ab", "live", A, B, "canary", RULES, TIMING, (), START, (ShareChange(START, 0.5),))
NAMES = [f"{number:016x}" for number in range(20)]


def visit(name: str, number: int, rank: int | None, minutes: float) -> Event:
    """Return the n-th event of a session, so many minutes after the start; every other session is the challenger's."""
    version, variant = (B, CHALLENGER) if int(name, 16) % 2 else (A, CHAMPION)
    at = epoch_ms(START + minutes * MINUTE)
    judged = {"judged_version": version, "judged_variant": variant}
    return lake_record(name, at, number, version=version, variant=variant, rank=rank, **judged)


def note(lake: Path, complete: datetime) -> None:
    """Write the collector's note: all that arrived before a time is in the lake."""
    (lake / NOTE).parent.mkdir(exist_ok=True)
    (lake / NOTE).write_bytes(msgspec.json.encode(Note(complete_until=epoch_ms(complete))))


def look(lake: Path, looks: list[Look], minutes: float) -> Look:
    found = new_look(LakeFolder(lake), EXPERIMENT, looks, Measured({"p99_ms": 100.0}), START + minutes * MINUTE)
    assert found is not None
    return found


def test_a_session_whose_last_events_are_late_counts_once(tmp_path: Path) -> None:
    # GIVEN sessions of three events, whose last one the collector brings only 50 minutes later; a session ends ten
    # minutes after its last event, and five minutes are expected of the collector
    begun = [visit(name, number, rank, 5 + number) for name in NAMES for number, rank in enumerate((None, 0))]
    write_lake(tmp_path, begun)
    note(tmp_path, START + 10 * MINUTE)
    # WHEN looks come before and after that
    looks = [look(tmp_path, [], 40)]
    write_lake(tmp_path, [visit(name, 2, 1, 12) for name in NAMES])
    note(tmp_path, START + 62 * MINUTE)
    looks.append(look(tmp_path, looks, 63))
    looks.append(look(tmp_path, looks, 64))
    # THEN the first one counts nothing, the second one each session with all of its events, the third one nothing more
    assert [(each.champion.sessions, each.challenger.sessions) for each in looks] == [(0, 0), (10, 10), (0, 0)]
    assert looks[1].champion.outcomes == 10 * 0.5
    assert [each.sessions_until for each in looks] == [START + minutes * MINUTE for minutes in (10, 62, 62)]
    # AND the first one says why
    assert [each.behind for each in looks] == [True, False, False]
    assert "the collector is behind: sessions that ended after 2026-01-31 09:10:00 UTC" in looks[0].decision.reason


def test_while_the_collector_stands_looks_count_nothing_and_measure_guard_rails(scene: Scene) -> None:
    # GIVEN a lake that is complete until an hour after the start
    scene.start()
    scene.complete = 1
    first = scene.look(1)
    assert first is not None
    assert (first.behind, len(scene.windows)) == (False, 1)
    # WHEN looks come later THEN they read no session
    for hours in (2, 3):
        later = scene.look(hours)
        assert later is not None
        assert later.behind
        assert later.decision.action == "continue"
        assert "the collector is behind" in later.decision.reason
        assert later.sessions_until == first.sessions_until
    assert len(scene.windows) == 1
    # AND a breached guard rail rolls back all the same
    scene.measured.values = {"p99_ms": 151.0}
    last = scene.look(4)
    assert last is not None
    assert last.decision.action == "rollback"


def test_without_a_whole_run_of_the_collector_no_session_is_judged(tmp_path: Path) -> None:
    write_lake(tmp_path, [visit(name, number, 1, 5 + number) for name in NAMES for number in range(3)])
    found = look(tmp_path, [], 120)
    assert (found.champion.sessions, found.sessions_until, found.behind) == (0, START, True)
    assert "nextitem lake collect" in found.decision.reason
