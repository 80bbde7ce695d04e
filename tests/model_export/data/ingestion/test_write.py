"""Written events are read back as the same events."""

import gzip
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.data.ingestion.reader import read_sessions
from model_export.data.ingestion.times import LATEST_SECOND
from model_export.data.sessions import FIRST_EPOCH_SECOND, Sessions
from nextitem.ids import id_fault
from tests.model_export.event_files import write_events
from tests.model_export.handmade import handmade

IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(lambda text: id_fault(text) is None)


TIMES = [
    st.integers(int(low), int(high)).map(float) | st.floats(low, high)
    for low, high in ((-(10**8), 10**7), (FIRST_EPOCH_SECOND, LATEST_SECOND - 1))
]
"""A running index, and epoch seconds."""


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
        times=np.array(
            draw(st.lists(draw(st.sampled_from(TIMES)), min_size=len(owners), max_size=len(owners), unique=True))
        ),
        rows=np.arange(1, len(owners) + 1),
    )


@settings(deadline=None, max_examples=20)
@given(sessions=any_sessions(), suffix=st.sampled_from([".csv", ".csv.gz", ".parquet"]))
@pytest.mark.slow
def test_written_events_are_read_back(sessions: Sessions, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"events{suffix}"
        write_events(path, sessions)
        again = read_sessions(path)
    assert again.ids == sessions.ids
    assert again.catalogue == sessions.catalogue
    np.testing.assert_array_equal(again.offsets, sessions.offsets)
    np.testing.assert_array_equal(again.codes, sessions.codes)
    np.testing.assert_array_equal(again.times, sessions.times)
    assert again.is_epoch == sessions.is_epoch
    assert again.digest == sessions.digest


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_the_same_sessions_are_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    sessions = handmade("a b c", "c d")
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    write_events(first, sessions)
    write_events(second, sessions)
    assert first.read_bytes() == second.read_bytes()


def test_whole_times_are_written_as_integers(tmp_path: Path) -> None:
    # A time with a fraction among whole ones
    source, target = tmp_path / "in.csv", tmp_path / "out.csv.gz"
    source.write_text('session_id,item_id,timestamp\ns,"a,b",7\ns,c,8.5\n')
    write_events(target, read_sessions(source))
    assert gzip.decompress(target.read_bytes()) == source.read_bytes()
