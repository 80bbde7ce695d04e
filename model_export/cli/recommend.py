"""Command `recommend`: the recommendations of an artifact, without a server."""

from typing import Annotated

import typer

from model_export.cli.console import OUT, print_json, say
from model_export.cli.items import known_items, names_in, require_ids
from model_export.cli.options import ArtifactFolder, ExcludeSeen, ItemNames, Json, SeenItems
from model_export.cli.tables import table
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.model.manifest import MAX_TOP


def recommend(
    artifact: ArtifactFolder,
    items: SeenItems,
    limit: Annotated[int, typer.Option(min=1, max=MAX_TOP, help="Number of recommendations.")] = 10,
    exclude_seen: ExcludeSeen = False,
    names: ItemNames = None,
    as_json: Json = False,
) -> None:
    """Show what an artifact recommends after some items."""
    require_ids(items)
    model = Model(open_artifact(artifact))
    name_of = names_in(names) if names is not None else {}
    known = known_items(model, items)
    exclude = known if exclude_seen else []
    if known:
        ranked = model.top(model.replay(None, known), exclude, limit, known)
    else:
        say("none of the items is in the catalogue: these are the most popular ones")
        ranked = model.popular(exclude, limit)
    rows = [(model.vocabulary.item_id(item.index), item.score) for item in ranked]
    if as_json:
        recommendations = [{"item_id": item_id, "score": round(score, 6)} for item_id, score in rows]
        print_json({"version": model.version, "recommendations": recommendations})
        return
    listed = table("rank", "item", *(["name"] if name_of else []), "score")
    for rank, (item_id, score) in enumerate(rows, 1):
        listed.add_row(str(rank), item_id, *([name_of.get(item_id, "")] if name_of else []), f"{score:.4f}")
    OUT.print(listed)
