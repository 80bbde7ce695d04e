"""Command `recommend`: what an artifact answers, without a server."""

import csv
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from model_export.cli.console import OUT, Json, print_json, say
from nextitem.artifact import open_artifact
from nextitem.engine import Model
from nextitem.errors import InputError
from nextitem.ids import id_fault
from nextitem.manifest import MAX_TOP


def recommend(
    artifact: Annotated[Path, typer.Argument(help="An artifact's folder, named by its version.", show_default=False)],
    items: Annotated[list[str], typer.Argument(help="What the visitor looked at, oldest first.", show_default=False)],
    limit: Annotated[int, typer.Option(min=1, max=MAX_TOP, help="How many.")] = 10,
    exclude_seen: Annotated[bool, typer.Option("--exclude-seen", help="Leave out the items given.")] = False,
    names: Annotated[Path | None, typer.Option(help="CSV with the columns item_id and name, to show names.")] = None,
    as_json: Json = False,
) -> None:
    """Show what an artifact recommends after some items."""
    for item in items:
        if (what := id_fault(item)) is not None:
            raise InputError(f"item id {item!r} {what}")
    model = Model(open_artifact(artifact))
    name_of = _names(names) if names is not None else {}
    known = model.vocabulary.indices(items)
    unknown = [item for item in items if model.vocabulary.index(item) is None]
    if unknown:
        say(f"not in the catalogue, passed over: {', '.join(unknown)}")
    exclude = known if exclude_seen else []
    if known:
        ranked = model.top(model.replay(None, known), exclude, limit)
    else:
        say("no known item: these are the most popular")
        ranked = model.popular(exclude, limit)
    rows = [(model.vocabulary.item_id(one.index), one.score) for one in ranked]
    if as_json:
        found = [{"item_id": item_id, "score": round(score, 6)} for item_id, score in rows]
        print_json({"version": model.version, "recommendations": found})
        return
    table = Table("rank", Column("item", overflow="fold"), *(["name"] if name_of else []), "score")
    for rank, (item_id, score) in enumerate(rows, 1):
        table.add_row(str(rank), item_id, *([name_of.get(item_id, "")] if name_of else []), f"{score:.4f}")
    OUT.print(table)


def _names(path: Path) -> dict[str, str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return {row["item_id"]: row["name"] for row in csv.DictReader(file)}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    except KeyError as error:
        raise InputError(f"{path} has no column {error}; it needs item_id and name") from None
