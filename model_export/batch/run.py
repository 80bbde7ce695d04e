"""Rank for all sessions on all cores, and write the recommendations as Parquet in the order of the sessions."""

import multiprocessing
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
from pyarrow import parquet

from model_export.batch.ranking import BatchSession, Options, Ranked, rank_in_process, start_process
from model_export.data.atomic_file import write_atomically
from model_export.data.sessions import Sessions
from model_export.interruption import inherited_block
from model_export.progress import Phase, Progress
from nextitem.errors import InputError

CHUNK = 256
"""Sessions that a process ranks at a time: some tenths of a second, so that a signal ends the command soon."""
AHEAD = 3
"""Chunks per process that wait for their turn or to be written."""
RANKING = "ranking"
SCHEMA = pa.schema(
    [("session_id", pa.string()), ("rank", pa.int32()), ("item_id", pa.string()), ("score", pa.float64())]
)


class Written(NamedTuple):
    """What a file of recommendations has: its sessions, those with an item that the model knows, and its rows."""

    sessions: int
    known: int
    rows: int


def write_recommendations(
    sessions: Sessions, artifact: Path, options: Options, out: Path, processes: int, progress: Progress
) -> Written:
    """Write the recommendations of every session.

    Args:
        sessions: the sessions.
        artifact: the model version's folder.
        options: how to rank.
        out: the Parquet file. It appears whole or not at all.
        processes: how many to rank with.
        progress: follows the sessions.

    Raises:
        InputError: the file cannot be written, or a process died.
    """
    written: list[Written] = []
    write_atomically(out, lambda path: written.append(_write(sessions, artifact, options, path, processes, progress)))
    return written[0]


def _write(
    sessions: Sessions, artifact: Path, options: Options, path: Path, processes: int, progress: Progress
) -> Written:
    progress.plan([Phase(RANKING, len(sessions))])
    done = known = rows = 0
    with parquet.ParquetWriter(path, SCHEMA) as writer:
        for chunk, ranked in _ranked(sessions, artifact, options, processes):
            writer.write_table(pa.table(list(ranked[:4]), schema=SCHEMA))
            done, known, rows = done + chunk, known + ranked.known, rows + len(ranked.ranks)
            progress.step(RANKING, done)
    return Written(done, known, rows)


def _ranked(sessions: Sessions, artifact: Path, options: Options, processes: int) -> Iterator[tuple[int, Ranked]]:
    """Yield size and recommendations of each chunk, in the order of the sessions."""
    context = multiprocessing.get_context("spawn")  # ONNX Runtime's threads do not survive a fork
    pool = ProcessPoolExecutor(processes, context, start_process, (artifact, options))
    waiting: deque[tuple[int, Future[Ranked]]] = deque()
    chunks = _chunks(sessions)
    try:
        with inherited_block():
            for chunk in islice(chunks, processes * AHEAD):
                waiting.append((len(chunk), pool.submit(rank_in_process, chunk)))
        while waiting:
            size, future = waiting.popleft()
            yield size, future.result()
            for chunk in islice(chunks, 1):
                waiting.append((len(chunk), pool.submit(rank_in_process, chunk)))
    except BrokenProcessPool:
        raise InputError("a process that ranked died, perhaps for lack of memory; try fewer --processes") from None
    finally:
        pool.shutdown(cancel_futures=True)


def _chunks(sessions: Sessions) -> Iterator[list[BatchSession]]:
    for start in range(0, len(sessions), CHUNK):
        yield [_session(sessions, index) for index in range(start, min(start + CHUNK, len(sessions)))]


def _session(sessions: Sessions, index: int) -> BatchSession:
    item_ids = [sessions.catalogue[code] for code in sessions.session(index).tolist()]
    return BatchSession(
        sessions.ids[index], item_ids, [sessions.types[code] for code in sessions.session_types(index).tolist()]
    )
