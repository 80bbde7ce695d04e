"""Written sessions are read back as the same, and nothing is left half-written."""

import gzip
import sys
import tempfile
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.data.eventfile import read_sessions, write_events, write_files
from model_export.data.sessions import Sessions
from nextitem.errors import InputError
from tests.model_export.handmade import handmade

SPACES = "".join(char for char in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(char) == "Zs")
"""Characters of which nothing but is no id: not the plain space alone."""

IDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12).filter(
    lambda text: text.strip(SPACES).lower() not in ("", "nan", "null")
)

TIMES = st.one_of(
    st.integers(min_value=-(10**9), max_value=10**10).map(float),
    st.floats(min_value=-1e9, max_value=1e10, allow_nan=False),
)


@st.composite
def any_sessions(draw: st.DrawFn) -> Sessions:
    ids = draw(st.lists(IDS, min_size=1, max_size=4, unique=True))
    catalogue = sorted(draw(st.lists(IDS, min_size=1, max_size=5, unique=True)))
    extra = draw(st.lists(st.integers(0, len(ids) - 1), max_size=8))
    owners = np.array([*range(len(ids)), *extra])
    drawn = draw(st.lists(st.sampled_from(catalogue), min_size=len(owners), max_size=len(owners)))
    used = sorted(set(drawn))
    return Sessions.from_events(
        catalogue=used,
        ids=ids,
        owners=owners,
        codes=np.array([used.index(item) for item in drawn], dtype=np.int32),
        times=np.array(draw(st.lists(TIMES, min_size=len(owners), max_size=len(owners)))),
        rows=np.arange(1, len(owners) + 1),
    )


@settings(deadline=None)
@given(sessions=any_sessions(), suffix=st.sampled_from([".csv", ".csv.gz", ".parquet"]))
def test_what_is_written_is_read_back(sessions: Sessions, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        # GIVEN any sessions
        path = Path(folder) / f"events{suffix}"
        # WHEN they are written and read
        write_events(path, sessions)
        again = read_sessions(path)
    # THEN they are the same, value by value and by digest
    assert again.ids == sessions.ids
    assert again.catalogue == sessions.catalogue
    np.testing.assert_array_equal(again.offsets, sessions.offsets)
    np.testing.assert_array_equal(again.codes, sessions.codes)
    np.testing.assert_array_equal(again.times, sessions.times)
    assert again.is_epoch == sessions.is_epoch
    assert again.digest == sessions.digest


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_the_same_sessions_are_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    # GIVEN some sessions
    sessions = handmade("a b c", "c d")
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    # WHEN they are written twice, under two names
    write_events(first, sessions)
    write_events(second, sessions)
    # THEN the files do not differ
    assert first.read_bytes() == second.read_bytes()


def test_whole_times_are_written_as_integers(tmp_path: Path) -> None:
    # GIVEN one time with a fraction among whole ones
    source, target = tmp_path / "in.csv", tmp_path / "out.csv.gz"
    source.write_text('session_id,item_id,timestamp\ns,"a,b",7\ns,c,8.5\n')
    # WHEN the sessions are written
    write_events(target, read_sessions(source))
    # THEN only that one has a fraction
    assert gzip.decompress(target.read_bytes()) == source.read_bytes()


def test_several_files_appear_together_or_not_at_all(tmp_path: Path) -> None:
    # GIVEN one target that can be written, and others that cannot
    sessions = handmade("a b")
    good = tmp_path / "train.csv"
    (tmp_path / "folder.csv").mkdir()
    for bad, why in (
        ("absent/test.csv", "cannot be written: No such file or directory"),
        ("absent/test.parquet", "cannot be written: No such file or directory"),
        ("folder.csv", "is a folder"),
        ("test.txt", "the name must end in .csv, .csv.gz or .parquet"),
        ("folder.csv/../train.csv", "is to be written twice"),
    ):
        # WHEN both are to be written
        # THEN the reason is given, and neither they nor anything half-written is there
        with pytest.raises(InputError, match=why):
            write_files({good: sessions, tmp_path / bad: sessions})
        assert [path.name for path in tmp_path.iterdir()] == ["folder.csv"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    # GIVEN an event file
    path = tmp_path / "events.csv"
    write_events(path, handmade("a b"))
    before = path.read_bytes()
    # WHEN a write to it and to a place that is not there fails
    with pytest.raises(InputError):
        write_files({path: handmade("c d"), tmp_path / "absent" / "test.csv": handmade("c d")})
    # THEN it is as it was
    assert path.read_bytes() == before
