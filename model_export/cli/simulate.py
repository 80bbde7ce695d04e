"""Command `simulate`: synthetic sessions of a simulated shop."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from model_export.cli.console import print_json, progress, say
from model_export.cli.options import Json
from model_export.cli.outcome import all_or_nothing
from model_export.data.atomic_file import Write, write_together
from model_export.simulator import Shop
from model_export.simulator.files import write_events
from model_export.simulator.items import ITEM_SUFFIXES, write_items
from nextitem.errors import InputError


def simulate(
    out: Annotated[Path, typer.Option(help="Event file to write: .csv or .csv.gz.", show_default=False)],
    items_out: Annotated[
        Path | None,
        typer.Option(
            help="Catalogue file to write, for `nextitem items publish`: .csv, .jsonl (also with .gz), .parquet."
        ),
    ] = None,
    types: Annotated[
        bool, typer.Option("--types", help="Write likes, carts and purchases beside the views, in a column `type`.")
    ] = False,
    sessions: Annotated[int, typer.Option(min=1, help="Number of sessions.")] = 10_000,
    products: Annotated[int, typer.Option(help="Number of products in the shop.")] = 400,
    arrivals: Annotated[float, typer.Option(help="Share of the products whose sale begins during the traffic.")] = 0.0,
    sold_out: Annotated[float, typer.Option(help="Share of the products that run out during the traffic.")] = 0.0,
    shop_seed: Annotated[
        int, typer.Option(help="Seed of the shop: popularity of items and relations between them.")
    ] = 7,
    seed: Annotated[int, typer.Option(help="Seed of the shoppers.")] = 1,
    start: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="First of the 14 UTC days of the traffic.")
    ] = datetime(2026, 1, 1),
    as_json: Json = False,
) -> None:
    """Write synthetic sessions of a simulated shop."""
    if not out.name.endswith((".csv", ".csv.gz")):
        raise InputError(f"{out}: the name must end in .csv or .csv.gz")
    if items_out is not None and not items_out.name.endswith(ITEM_SUFFIXES):
        raise InputError(f"{items_out}: the name must end in {', '.join(ITEM_SUFFIXES[:-1])} or {ITEM_SUFFIXES[-1]}")
    all_or_nothing(out, items_out)
    try:
        shop = Shop(seed=shop_seed, products=products, arrivals=arrivals, sold_out=sold_out)
        counts = []
        with progress() as view:
            begin = start.replace(tzinfo=UTC).timestamp()
            traffic = view.each("shopping", shop.sessions(sessions, seed=seed, start=begin), sessions)
            files: dict[Path, Write] = {out: lambda path: counts.append(write_events(path, traffic, types=types))}
            if items_out is not None:
                files[items_out] = lambda path: write_items(path, shop.products)
            write_together(files)
    except ValueError as error:
        raise InputError(str(error)) from error
    if as_json:
        print_json({"file": str(out), "sessions": sessions, "events": counts[0]})
        return
    say(f"{out}: {sessions} sessions, {counts[0]} events")
