"""Read event files with Spark: columns under names of our own, and each row's place.

Executors have no package of ours: all that runs on them is an expression of Spark.
"""

import csv
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import NamedTuple, cast
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.pyspark.datatypes import PySparkType
from pyspark.sql import Column, DataFrame, Row, SparkSession, functions
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StringType, StructField, StructType
from pyspark.storagelevel import StorageLevel

from model_export.data.ingestion.engine import PLACE
from model_export.data.ingestion.faults import input_error, other_columns, require_columns
from model_export.data.ingestion.formats import Format
from model_export.data.ingestion.paths import Path, parse_path, resolve, types_of
from model_export.data.ingestion.sources import NO_VALUE, EventFile, Source, is_remote, path_columns

CORRUPT = "corrupt"
"""Column of a row's text where it cannot be read."""
DUCKDB = "or read it with --engine duckdb"

_ESCAPE, _STRING = r"\\.", r'"[^"]*"'
"""Two simple patterns: Java matches a repeated group by recursion, and a long text ends the executor."""
_SECOND_DOCUMENT = r"\}\s*[^\s,\]\}]"
"""In valid JSON without its strings, only a comma or another end follows the end of an object."""


class Read(NamedTuple):
    """A source that is read.

    Attributes:
        source: the source.
        rows: all rows, also headers and those that cannot be read: `PLACE` and the columns that paths need.
        headers: number of headers in each file, 0 or 1.
        events: the rows that hold events.
        paths: by their texts.
        columns: names in the rows by name in the files.
    """

    source: Source
    rows: DataFrame
    headers: int
    events: DataFrame
    paths: dict[str, Path]
    columns: dict[str, str]


def read_source(session: SparkSession, source: Source, number: int, texts: tuple[str, ...]) -> Read:
    """Read a source once, and keep its rows on the executors' disks.

    Args:
        session: Spark's.
        source: the source.
        number: of the source, which its places hold.
        texts: paths to the values.

    Raises:
        InputError: a column is missing, or is not there in all files.
        PySparkException: a file cannot be read.
    """
    loader = {
        Format.CSV: _delimited,
        Format.TSV: _delimited,
        Format.JSON_LINES: _json_lines,
        Format.PARQUET: _parquet,
    }
    frame, there, paths = loader[source.kind](session, source, texts)
    names = dict.fromkeys(column for path in paths.values() for column in path.columns)
    columns = {column: f"c{place}" for place, column in enumerate(names)}
    # Within a block of a file, Spark reads rows in order and numbers them in that order.
    position = functions.struct(
        functions.lit(number).alias("source"),
        functions.col("_metadata.file_path").alias("file"),
        functions.col("_metadata.file_block_start").alias("block"),
        functions.monotonically_increasing_id().alias("row"),
    )
    corrupt = functions.col(CORRUPT) if CORRUPT in frame.columns else functions.lit(None).cast("string")
    chosen = [(there[column] if column in there else _of_the_path(column)).alias(columns[column]) for column in columns]
    rows = frame.select(*chosen, corrupt.alias(CORRUPT), position.alias(PLACE)).persist(StorageLevel.DISK_ONLY)
    if source.kind not in (Format.CSV, Format.TSV) or not source.dialect.header:
        return Read(source, rows, 0, rows, paths, columns)
    own = {columns[column]: column for column in columns if column in there}
    return Read(source, rows, 1, _without_headers(source, rows, own), paths, columns)


def file_at(source: Source, address: str) -> EventFile:
    """Return a file of a source by the address that Spark gives it."""
    files = {uri_path(FilePath(file.path).resolve().as_uri()): file for file in source.files}
    return files.get(uri_path(address), EventFile(address, address, {}))


def uri_path(address: str) -> str:
    """Spark names a local file `file:/path` or `file:///path`."""
    return address.removeprefix("file:").replace("//", "", 1)


def first_corrupt(read: Read) -> Row | None:
    """Return the place of the first row that cannot be read."""
    [row] = read.events.filter(functions.col(CORRUPT).isNotNull()).agg(functions.min(PLACE).alias(PLACE)).collect()
    return cast("Row | None", row[PLACE])


Loaded = tuple[DataFrame, dict[str, Column], dict[str, Path]]


def _delimited(session: SparkSession, source: Source, texts: tuple[str, ...]) -> Loaded:
    dialect, paths = source.dialect, [file.path for file in source.files]
    names = _first_record(session, source)
    fields = [*(f"c{place}" for place in range(len(names))), CORRUPT]
    # With pruning, Spark does not see a field too many.
    frame = session.read.option("columnPruning", False).csv(
        paths,
        schema=StructType([StructField(field, StringType()) for field in fields]),
        header=False,
        sep=dialect.delimiter,
        quote='"' if dialect.quotes else "",
        escape='"' if dialect.quotes else "",
        mode="PERMISSIVE",
        columnNameOfCorruptRecord=CORRUPT,
        recursiveFileLookup=True,
    )
    there = {name: functions.col(f"c{place}") for place, name in enumerate(names)}
    return frame, there, resolve(source.name, texts, names, _path_columns(source, frame))


def _json_lines(session: SparkSession, source: Source, texts: tuple[str, ...]) -> Loaded:
    paths = {text: parse_path(text) for text in texts}
    kinds = {column: PySparkType.from_ibis(kind) for column, kind in types_of(paths.values()).items()}
    lines = session.read.text([file.path for file in source.files], recursiveFileLookup=True)
    line = functions.trim(functions.col("value"))
    schema = StructType(
        [*(StructField(column, kind) for column, kind in kinds.items()), StructField(CORRUPT, StringType())]
    )
    options = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": CORRUPT}
    frame = lines.filter(functions.length(line) > 0).withColumn("json", functions.from_json(line, schema, options))
    without_strings = functions.regexp_replace(functions.regexp_replace(line, _ESCAPE, ""), _STRING, '""')
    second = without_strings.rlike(_SECOND_DOCUMENT)
    is_object = line.startswith("{") & ~second
    frame = frame.withColumn(CORRUPT, functions.when(is_object, functions.col("json")[CORRUPT]).otherwise(line))
    there = {column: functions.col("json")[column] for column in kinds}
    for column in _path_columns(source, lines) & there.keys():
        if isinstance(kinds[column], StringType):
            there[column] = functions.coalesce(there[column], _of_the_path(column))
    return frame, there, paths


def _parquet(session: SparkSession, source: Source, texts: tuple[str, ...]) -> Loaded:
    reader, paths = session.read.option("recursiveFileLookup", True), [file.path for file in source.files]
    names = [] if is_remote(paths[0]) else _footer(source).names
    if len(set(names)) == len(names):
        frame = reader.option("mergeSchema", True).parquet(*paths)
    else:
        # Spark reads a file with two columns of one name only if a schema names others.
        require_columns(source.name, names, [name for name in texts if names.count(name) > 1])
        once = [field for field in _footer(source) if names.count(field.name) == 1]
        frame = reader.schema(from_arrow_schema(pa.schema(once))).parquet(*paths)
    there = {name: functions.col(f"`{name.replace('`', '``')}`") for name in frame.columns}
    return frame, there, resolve(source.name, texts, frame.columns, _path_columns(source, frame))


def _footer(source: Source) -> pa.Schema:
    first = source.files[0]
    try:
        return pq.read_schema(first.path)
    except (pa.ArrowInvalid, OSError):
        raise input_error(first.name, "is not a valid Parquet file (empty, corrupt or cut off)") from None


def _without_headers(source: Source, rows: DataFrame, names: Mapping[str, str]) -> DataFrame:
    """Drop the first row of each file, after a check that it has the expected names where columns are read."""
    first = rows.groupBy(functions.col(f"{PLACE}.file").alias("file")).agg(
        functions.min(PLACE).alias("head"),
        *(functions.min_by(column, PLACE).alias(column) for column in names),
    )
    heads = first.persist(StorageLevel.DISK_ONLY)
    wrong = functions.lit(False)
    for column, name in names.items():
        wrong = wrong | ~functions.col(column).eqNullSafe(functions.lit(name))
    if other := heads.filter(wrong).orderBy("file").first():
        raise input_error(file_at(source, other["file"]).name, other_columns(source.files[0].name))
    head = heads.select(functions.col("head.row").alias("head"))
    return rows.join(functions.broadcast(head), functions.col(f"{PLACE}.row") == functions.col("head"), "left_anti")


def _first_record(session: SparkSession, source: Source) -> list[str]:
    """Return the names of the columns, from the first line of the first file that has one."""
    path = source.files[0].path
    line = session.read.text(path, recursiveFileLookup=True).filter("length(value) > 0").first()
    if line is None:
        raise input_error(source.files[0].name, "the file is empty")
    if "\0" in line["value"]:
        raise input_error(source.files[0].name, f"is not UTF-8: convert it, {DUCKDB}")
    try:
        [record] = source.dialect.records([line["value"]])
    except (csv.Error, ValueError):
        what = f"cannot be read as {source.dialect.kind}: the quotes do not match"
        raise input_error(source.files[0].name, what, place="line 1") from None
    return record if source.dialect.header else [str(number) for number in range(1, len(record) + 1)]


def _path_columns(source: Source, frame: DataFrame) -> set[str]:
    """Return the columns that the paths of files hold below the named folder."""
    if not is_remote(source.files[0].path):
        return {column for file in source.files for column in file.columns}
    below = source.name.partition("://")[2].rstrip("/")
    return {column for file in frame.inputFiles() for column in path_columns(unquote(file).partition(below)[2])}


def _of_the_path(column: str) -> Column:
    """Return a column of the file's path, which Spark gives as an address."""
    address = functions.col("_metadata.file_path")
    escaped = "".join(f"\\{letter}" if not letter.isalnum() else letter for letter in column)
    value = functions.regexp_extract(address, f".*/{escaped}=([^/]*)/", 1)
    for _ in range(2):  # once for the address, once for the name of the folder
        value = functions.url_decode(functions.replace(value, functions.lit("+"), functions.lit("%2B")))
    return functions.when(value != functions.lit(NO_VALUE), value)
