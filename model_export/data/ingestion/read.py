"""Step 1, read: ids, type and time of every row, from all sources together."""

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from model_export.data.ingestion.engine import PLACE, Engine
from model_export.data.ingestion.faults import input_error, shown
from model_export.data.ingestion.formats import Format
from model_export.data.ingestion.paths import EVENT, ROW
from model_export.data.ingestion.sources import Source
from model_export.data.ingestion.time_offset import add_offset
from model_export.data.layout import Layout
from nextitem.event_types import LABEL_FAULT, VIEW, is_label

OFFSET, OWNER = "offset", "owner_"
SHOWN_TYPES = 20
"""Types of events that an error lists."""
MAX_TYPES = 32
"""Maximum number of types of events: far more are no types, but a wrong column."""
FLOAT_DIGITS = {8: 2.0**53, 4: 2.0**24}
"""Bounds, by the bytes of a float, below which it holds every whole number."""


@dataclass(frozen=True)
class Rows:
    """The rows that count, not checked yet.

    Attributes:
        table: `owner_0`, .. (the parts of the session's id, or the user's), `item`, `type` (a label), `time` (as the
            files hold it) and `place`.
        types: number of all rows by type of event, the most frequent first; empty without a column of types.
        numbers: columns of ids which a file holds as floats or decimals; their text is 1234.0.
        has_json: whether a source is JSON Lines, where an id may be the text of an object or list.
    """

    table: ir.Table
    types: dict[str, int]
    numbers: frozenset[str]
    has_json: bool

    @property
    def owners(self) -> list[str]:
        """The columns of the parts of the session's or user's id."""
        return [name for name in self.table.columns if name.startswith(OWNER)]


def read_rows(engine: Engine, sources: list[Source], layout: Layout) -> Rows:
    """Read the columns of a layout, and keep the rows of the types that count.

    Raises:
        InputError: a file cannot be read, a column is missing or its type is wrong, or no row has a type that counts.
    """
    last = {ROW: 0, EVENT: 0}
    parts = [_read(engine, source, layout, last) for source in sources]
    numbers = frozenset[str]().union(*(part.numbers for part in parts))
    tables = _with_one_type_of_time([part.table for part in parts], [source.name for source in sources], layout.time)
    table = tables[0] if len(tables) == 1 else ibis.union(*tables)
    has_json = any(part.has_json for part in parts)
    if layout.type is None:
        return Rows(table.mutate(type=ibis.literal(VIEW)), {}, numbers, has_json)
    types = _types(engine, table)
    labels = labels_of(types, layout, ", ".join(source.name for source in sources))
    if layout.keep:
        table = table.filter(table.type.isin([*labels]))
    renamed = [(table.type == kind, label) for kind, label in labels.items() if kind != label]
    labelled = table.type.fill_null(VIEW)
    table = table.mutate(type=ibis.cases(*renamed, else_=labelled) if renamed else labelled)
    return Rows(table, types, numbers, has_json)


def labels_of(types: dict[str, int], layout: Layout, files: str) -> dict[str, str]:
    """Return the label of each type that counts.

    Args:
        types: number of rows by type, the most frequent first.
        layout: says which types count, and their labels.
        files: names of the sources, for errors.

    Raises:
        InputError: no type counts, there are too many, or one of several cannot be a label.
    """
    labels = layout.labels or {kind: kind or VIEW for kind in types}
    there = ", ".join(f"{shown(kind)} {count:,}" for kind, count in list(types.items())[:SHOWN_TYPES])
    if layout.keep and not types.keys() & labels.keys():  # a part of a large export may lack some: the summary warns
        kept = ", ".join(map(shown, labels))
        what = f"no event is of a type that --keep names ({kept}); the types are {there or 'none'}"
        raise input_error(files, what, column=layout.type)
    distinct = {*labels.values()}
    if len(distinct) == 1:  # a shop with one type of events: its name does not matter
        return labels if is_label(*distinct) else dict.fromkeys(labels, VIEW)
    if len(distinct) > MAX_TYPES:
        what = f"has {len(distinct):,} types, more than {MAX_TYPES}: choose some with --keep; the first are {there}"
        raise input_error(files, what, column=layout.type)
    for kind, label in labels.items():
        if not is_label(label):
            what = f"the type {shown(label)} {LABEL_FAULT}; give it one: --keep {shown(f'{kind}=LABEL')}"
            raise input_error(files, what, column=layout.type)
    return labels


def _types(engine: Engine, table: ir.Table) -> dict[str, int]:
    """Count the rows by type; a row without a type has the type ''."""
    counted = table.group_by(kind=table.type.fill_null("")).agg(rows=table.count())
    counts = {row["kind"]: int(row["rows"]) for row in engine.rows(counted)}
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _read(engine: Engine, source: Source, layout: Layout, last: dict[str, int]) -> Rows:
    owners = {f"{OWNER}{place}": column for place, column in enumerate(layout.owner)}
    types = {} if layout.type is None else {"type": layout.type}
    names = {**owners, "item": layout.item, "time": layout.time, **types}
    if layout.time_offset is None:
        table = _numbered_on(engine, engine.read(source, names), names, last)
    else:
        table = engine.read(source, {**names, OFFSET: layout.time_offset})
        table = table.mutate(time=add_offset(engine, table.time, table[OFFSET])).drop(OFFSET)
    numbers = set()
    for name in (*owners, "item", *types):
        kind = table[name].type()
        if (kind.is_floating() or (kind.is_decimal() and kind.scale)) and name not in types:
            numbers.add(name)
        elif not (kind.is_string() or kind.is_integer() or kind.is_uuid() or kind.is_decimal()):
            what = "types of events must be text or integers" if name in types else "ids must be text or numbers"
            raise input_error(source.name, f"is of type {kind}, but {what}", column=names[name])
    kind = table.time.type()
    if not (kind.is_timestamp() or kind.is_date() or kind.is_string() or kind.is_numeric()):
        raise input_error(source.name, f"is of type {kind}, which is not a time", column=layout.time)
    if layout.time_format is not None and not (kind.is_string() or kind.is_integer()):
        what = f"is of type {kind}, but --time-format is for text: leave it out"
        raise input_error(source.name, what, column=layout.time)
    time = table.time.cast("timestamp('UTC')") if kind.is_timestamp() else table.time
    type_ = table.type.cast("string") if types else ibis.null("string")
    ids = {name: _text(table[name]) for name in (*owners, "item")}
    chosen = table.select(**ids, type=type_, time=time, place=table[PLACE])
    return Rows(chosen, {}, frozenset(numbers), source.kind is Format.JSON_LINES)


def _numbered_on(engine: Engine, table: ir.Table, names: dict[str, str], last: dict[str, int]) -> ir.Table:
    """Let numbers of rows and events go on after the `last` ones of the sources before, and note the new last ones."""
    numbers = {name: text for name, text in names.items() if text in last}
    if not numbers:
        return table
    table = table.mutate(**{name: table[name] + last[text] for name, text in numbers.items()})
    [figures] = engine.rows(table.aggregate(**{name: table[name].max() for name in numbers}))
    last.update({text: figures[name] for name, text in numbers.items() if figures[name] is not None})
    return table


def _text(ids: ir.Column) -> ir.StringValue:
    """Return ids as text. A whole number of a float or decimal is 1234.0, as pandas writes it, on every engine."""
    kind = ids.type()
    if not (kind.is_floating() or (kind.is_decimal() and kind.scale)):
        return ids.cast("string")
    whole = ids.try_cast("decimal(38, 0)").cast("string") + ".0"
    if kind.is_decimal():
        return (ids == ids.floor()).ifelse(whole, ids.cast("string"))
    small = ids.abs() < FLOAT_DIGITS[kind.nbytes]
    # Without the words, a large float would look whole.
    large = ids.isnan().ifelse(ids.cast("string"), ids.cast("string") + " (rounded)")
    return ibis.cases((small & (ids == ids.floor()), whole), (small, ids.cast("string")), else_=large)


def _with_one_type_of_time(tables: list[ir.Table], names: list[str], column: str) -> list[ir.Table]:
    """Convert numbers to text if another source has text or other numbers, and dates if another has timestamps."""
    kinds = [table.time.type() for table in tables]
    if len(set(kinds)) == 1:
        return tables
    if all(kind.is_string() or kind.is_numeric() for kind in kinds):
        return [table.mutate(time=table.time.cast("string")) for table in tables]
    if all(kind.is_date() or kind.is_timestamp() for kind in kinds):
        return [table.mutate(time=table.time.cast("timestamp('UTC')")) for table in tables]
    first, other = next((0, place) for place, kind in enumerate(kinds) if kind != kinds[0])
    what = f"is of type {kinds[other]}, but of type {kinds[first]} in {names[first]}: convert one of them"
    raise input_error(names[other], what, column=column)
