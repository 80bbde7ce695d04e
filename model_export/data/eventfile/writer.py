"""Writing sessions as event files: the same sessions always give the same bytes, and all or none.

Knows nothing of why sessions are written.
"""

import gzip
import io
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import duckdb
import numpy as np

from model_export.data.columns import Columns
from model_export.data.eventfile.database import database, quoted, reason
from model_export.data.eventfile.faults import fault
from model_export.data.eventfile.formats import Format
from model_export.data.sessions import Sessions

GZIP_LEVEL = 6


def write_events(path: str | Path, sessions: Sessions) -> None:
    """Write one event file with the columns session_id, item_id and timestamp.

    Times are seconds (or the running index): integers where they are whole. The file appears when
    it is complete, replacing one of the same name.

    Args:
        path: ends in .csv, .csv.gz or .parquet, which says the format.
        sessions: written session by session, each in time order.

    Raises:
        InputError: when the file cannot be written there.
    """
    write_files({Path(path): sessions})


def write_files(files: Mapping[Path, Sessions]) -> None:
    """Write several event files; all appear, or none.

    Raises:
        InputError: when one cannot be written, or two are the same file.
    """
    targets = list(files)
    if len({target.resolve() for target in targets}) < len(targets):
        raise fault(targets[0], "is to be written twice, give each part a name of its own")
    staged: dict[Path, Path] = {}
    done: list[Path] = []
    target = targets[0]
    try:
        for target in targets:
            if target.is_dir():
                raise fault(target, "is a folder")
            staged[target] = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
            _write(staged[target], Format.of(target), files[target])
        for target in targets:
            staged[target].replace(target)
            done.append(target)
    except (OSError, duckdb.Error) as error:
        for written in done:
            written.unlink(missing_ok=True)
        why = error.strerror if isinstance(error, OSError) else reason(error)
        raise fault(target, f"cannot be written: {why}") from None
    finally:
        for temporary in staged.values():
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _write(path: Path, kind: Format, sessions: Sessions) -> None:
    if kind is Format.PARQUET:
        _write_parquet(path, sessions)
        return
    content = _csv(sessions).encode()
    with path.open("xb") as file:
        if kind is Format.CSV:
            file.write(content)
        else:
            # Neither name nor time: the same events are the same bytes.
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=GZIP_LEVEL, mtime=0) as packed:
                packed.write(content)


def _csv(sessions: Sessions) -> str:
    names = Columns()
    text = io.StringIO()
    text.write(f"{names.session},{names.item},{names.time}\n")
    items = [field(item) for item in sessions.catalogue]
    for index, session in enumerate(map(field, sessions.ids)):
        events = slice(sessions.offsets[index], sessions.offsets[index + 1])
        for code, time in zip(sessions.codes[events].tolist(), sessions.times[events].tolist(), strict=True):
            text.write(f"{session},{items[code]},{int(time) if time.is_integer() else time!r}\n")
    return text.getvalue()


def field(text: str) -> str:
    """A CSV field (RFC 4180), quoted only where it must be."""
    if any(char in text for char in ',"\r\n') or text != text.strip():
        return '"' + text.replace('"', '""') + '"'
    return text


def _write_parquet(path: Path, sessions: Sessions) -> None:
    names = Columns()
    whole = bool(np.all(sessions.times == np.floor(sessions.times)))
    with path.open("xb"):
        pass  # so that a missing folder is an OSError, as for the other formats
    with database() as opened:
        opened.run("SET threads = 1")  # one thread writes one order of row groups
        opened.offer(
            "events",
            {
                "session": np.repeat(np.array(sessions.ids, dtype=object), sessions.lengths),
                "item": np.array(sessions.catalogue, dtype=object)[sessions.codes],
                "time": sessions.times,
            },
        )
        opened.run(
            "COPY (SELECT CAST(session AS VARCHAR) AS $session, CAST(item AS VARCHAR) AS $item, "
            "CAST(time AS $type) AS $time FROM events) "
            "TO $path (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)",
            session=names.session,
            item=names.item,
            time=names.time,
            type="BIGINT" if whole else "DOUBLE",
            path=quoted(str(path)),
        )
