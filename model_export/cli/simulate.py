"""Command `simulate`: synthetic sessions of a simulated shop."""

from pathlib import Path
from typing import Annotated

import typer

from model_export.cli.console import print_json, progress, say
from model_export.cli.options import Json
from model_export.cli.outcome import all_or_nothing
from model_export.data.atomic_file import Write, write_together
from model_export.simulator import Shop
from model_export.simulator.files import write_events, write_products
from nextitem.errors import InputError


def simulate(
    out: Annotated[Path, typer.Option(help="Event file to write: .csv or .csv.gz.", show_default=False)],
    products_out: Annotated[Path | None, typer.Option(help="Product file to write: .csv.")] = None,
    sessions: Annotated[int, typer.Option(min=1, help="Number of sessions.")] = 10_000,
    products: Annotated[int, typer.Option(help="Number of products in the shop.")] = 400,
    shop_seed: Annotated[
        int, typer.Option(help="Seed of the shop: popularity of items and relations between them.")
    ] = 7,
    seed: Annotated[int, typer.Option(help="Seed of the shoppers.")] = 1,
    as_json: Json = False,
) -> None:
    """Write synthetic sessions of a simulated shop."""
    if not out.name.endswith((".csv", ".csv.gz")):
        raise InputError(f"{out}: the name must end in .csv or .csv.gz")
    all_or_nothing(out, products_out)
    try:
        shop = Shop(seed=shop_seed, products=products)
        counts = []
        with progress() as view:
            traffic = view.each("shopping", shop.sessions(sessions, seed=seed), sessions)
            files: dict[Path, Write] = {out: lambda path: counts.append(write_events(path, traffic))}
            if products_out is not None:
                files[products_out] = lambda path: write_products(path, shop.products)
            write_together(files)
    except ValueError as error:
        raise InputError(str(error)) from error
    if as_json:
        print_json({"file": str(out), "sessions": sessions, "events": counts[0]})
        return
    say(f"{out}: {sessions} sessions, {counts[0]} events")
