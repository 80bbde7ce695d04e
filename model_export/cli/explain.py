"""Command `explain`: the effect of each event of a session on each recommendation."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from model_export.cli.console import OUT, print_json
from model_export.cli.items import known_items, names_in, require_ids
from model_export.cli.options import ArtifactFolder, ExcludeSeen, ItemNames, Json, SeenItems
from model_export.cli.tables import column, table
from model_export.evaluation.explain import Effect, Explanation
from model_export.evaluation.explain import explain as explain_events
from nextitem.errors import InputError
from nextitem.model.artifact import open_artifact
from nextitem.model.engine import Model
from nextitem.model.manifest import MAX_TOP

SHOWN = 3
"""Events in the table for each recommendation."""


def explain(
    artifact: ArtifactFolder,
    items: SeenItems,
    limit: Annotated[int, typer.Option(min=1, max=MAX_TOP, help="Number of recommendations.")] = 5,
    exclude_seen: ExcludeSeen = False,
    names: ItemNames = None,
    as_json: Json = False,
) -> None:
    """Show the effect of each event on each recommendation: its score minus its score without the event."""
    require_ids(items)
    model = Model(open_artifact(artifact))
    name_of = names_in(names) if names is not None else {}
    known = known_items(model, items)
    if not known:
        raise InputError("none of the items is in the catalogue: there is no event to explain a recommendation by")
    explanations = explain_events(model, known, limit, exclude_seen=exclude_seen)

    def item_id(index: int) -> str:
        return model.vocabulary.item_id(index)

    place_of = [place for place, item in enumerate(items, 1) if model.vocabulary.index(item) is not None]
    if as_json:
        recommendations = [_document(explanation, item_id, place_of) for explanation in explanations]
        print_json({"version": model.version, "recommendations": recommendations})
        return

    def name(index: int) -> str:
        return name_of.get(item_id(index)) or item_id(index)

    effect = column("effect", number=True, whole=True)
    listed = table("", "item", column("score", number=True), "event", effect, column("rank without", number=True))
    for rank, explanation in enumerate(explanations, 1):
        effects = explanation.effects[:SHOWN]
        events = [_cells(effect, name, place_of) for effect in effects] or [("the only one", "", "")]
        for row, cells in enumerate(events):
            head = (str(rank), name(explanation.item), f"{explanation.score:.3f}") if row == 0 else ("", "", "")
            listed.add_row(*head, *cells, end_section=row == len(events) - 1)
    OUT.print(listed)


def _cells(effect: Effect, name: Callable[[int], str], place_of: Sequence[int]) -> tuple[str, str, str]:
    rank = str(effect.rank_without) if effect.rank_without is not None else f"> {MAX_TOP}"
    return f"{place_of[effect.place - 1]}. {name(effect.item)}", f"{effect.effect:+.3f}", rank


def _document(explanation: Explanation, item_id: Callable[[int], str], place_of: Sequence[int]) -> dict[str, Any]:
    return {
        "item_id": item_id(explanation.item),
        "score": round(explanation.score, 6),
        "events": [
            {
                "place": place_of[effect.place - 1],
                "item_id": item_id(effect.item),
                "effect": round(effect.effect, 6),
                "rank_without": effect.rank_without,
            }
            for effect in explanation.effects
        ],
    }
