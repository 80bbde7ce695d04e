"""Recommendations for all sessions of a file are those of single requests."""

from pathlib import Path

import pytest
from pyarrow import parquet

from devstack.publish import demo_artifact
from devstack.stack import Stack
from model_export.batch import run
from model_export.batch.ranking import BatchRanker, BatchSession, Options
from model_export.batch.run import RANKING, write_recommendations
from model_export.data.ingestion.reader import read_sessions
from model_export.progress import Phase, Unwatched
from model_export.simulator import Shop
from model_export.simulator.files import write_events
from nextitem.errors import InputError
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.sessions.session import WINDOW
from tests.functions.client import PATIENT, Client
from tests.model_export.cli.commandline import done, nextitem
from tests.model_export.tiny import RecordingWatcher, listed

HIKE = ["tent-008", "sleep-010", "stove-003"]
"""Items that the demo model knows."""


def viewed(*item_ids: str) -> BatchSession:
    return BatchSession("s", item_ids, ["view"] * len(item_ids))


def rows(path: Path) -> dict[str, list[tuple[str, float]]]:
    """The recommendations of each session, in order of rank."""
    listed: dict[str, list[tuple[str, float]]] = {}
    for row in parquet.read_table(path).to_pylist():
        recommended = listed.setdefault(row["session_id"], [])
        recommended.append((row["item_id"], row["score"]))
        assert row["rank"] == len(recommended)
    return listed


@pytest.fixture(scope="module")
def ranker() -> BatchRanker:
    return BatchRanker(demo_artifact(), Options(limit=5, exclude_seen=True))


def test_a_session_is_ranked_by_the_engine(ranker: BatchRanker) -> None:
    model = Model(open_artifact(demo_artifact()))
    seen = model.vocabulary.indices(HIKE)
    best = model.top(model.replay(None, seen), seen, 5, seen)

    ranked = ranker.rank([viewed(*HIKE), viewed("no such item"), viewed(*HIKE[:2], "no such item", HIKE[2])])

    assert ranked.session_ids == ["s"] * 15
    assert ranked.ranks == [1, 2, 3, 4, 5] * 3
    assert ranked.item_ids[:5] == [model.vocabulary.item_id(item.index) for item in best]
    assert ranked.scores[:5] == [round(item.score, 6) for item in best]
    assert ranked.item_ids[5:10] == [model.vocabulary.item_id(item.index) for item in model.popular((), 5)]
    assert (ranked.item_ids[10:], ranked.scores[10:]) == (ranked.item_ids[:5], ranked.scores[:5])
    assert ranked.known == 2


def test_the_newest_events_count(ranker: BatchRanker) -> None:
    window = [HIKE[place % 3] for place in range(WINDOW)]
    assert ranker.rank([viewed("mug-003", *window)]) == ranker.rank([viewed(*window)])
    assert ranker.rank([viewed(*window[1:])]) != ranker.rank([viewed(*window)])


@pytest.mark.slow
def test_a_file_has_the_answers_of_single_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN sessions, and their recommendations by several processes, which get a few sessions at a time
    monkeypatch.setattr(run, "CHUNK", 7)
    events, out = tmp_path / "events.csv", tmp_path / "out.parquet"
    write_events(events, Shop().sessions(60, seed=4))
    sessions, watcher = read_sessions(events), RecordingWatcher()
    written = write_recommendations(sessions, demo_artifact(), Options(10, exclude_seen=False), out, 2, watcher)
    recommended = rows(out)
    assert list(recommended) == sessions.ids
    assert written == (60, 60, 600)
    assert watcher.plans == [(Phase(RANKING, 60),)]
    assert watcher.steps == [(RANKING, min(done, 60)) for done in range(7, 64, 7)]

    # WHEN each session's items are sent to the service THEN the answer is the same
    with Stack(artifact=demo_artifact(), max_workers=1, settings=PATIENT) as stack:
        client = Client(stack)
        for index, session_id in enumerate(sessions.ids):
            items = [sessions.catalogue[code] for code in sessions.session(index)][-WINDOW:]
            assert client.recommend(items, limit=10, exclude_seen=False).items == recommended[session_id]


@pytest.mark.slow
def test_the_command_writes_a_file_and_counts(tmp_path: Path) -> None:
    # GIVEN events of users, with types, and one user whose items are all unknown
    events, out = tmp_path / "events.jsonl", tmp_path / "out.parquet"
    users: dict[str, list[str]] = {"ada": HIKE, "bob": ["no such item"]}
    lines = [
        f'{{"user": "{user}", "item": "{item}", "at": {at}}}' for user in users for at, item in enumerate(users[user])
    ]
    events.write_text("\n".join(lines) + "\n")
    columns = ("--session-column", "user", "--item-column", "item", "--time-column", "at")
    arguments = ("batch", events, "--artifact", demo_artifact(), "--out", out, "--processes", "1", *columns)

    # WHEN the command runs
    answer = done(*arguments, "--limit", "4", "--exclude-seen", "--json")

    # THEN it counts what it wrote
    version = demo_artifact().name
    assert answer.document == {"file": str(out), "version": version, "sessions": 2, "known": 1, "rows": 8}
    assert "1 sessions have no item that" in answer.err
    assert "Ids of the unknown items are such as 'no such item'; of the model such as 'board-001', " in answer.err
    ada = BatchRanker(demo_artifact(), Options(4, exclude_seen=True)).rank([viewed(*HIKE)])
    assert rows(out)["ada"] == list(zip(ada.item_ids, ada.scores, strict=True))


def test_another_format_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    refused = nextitem("batch", "absent.csv", "--artifact", demo_artifact(), "--out", out)
    assert refused.fault == f"nextitem: {out}: the recommendations are Parquet; name a file that ends with .parquet"
    assert listed(tmp_path) == []


@pytest.mark.slow
def test_a_process_that_dies_is_one_line_and_leaves_no_file(tmp_path: Path) -> None:
    events = tmp_path / "events.csv"
    write_events(events, Shop().sessions(20, seed=4))
    before = listed(tmp_path)

    with pytest.raises(InputError, match="a process that ranked died"):
        write_recommendations(
            read_sessions(events), tmp_path / "absent", Options(3, False), tmp_path / "out.parquet", 1, Unwatched()
        )
    assert listed(tmp_path) == before
