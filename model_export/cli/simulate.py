"""Command `simulate`: synthetic sessions of a simulated shop."""

from pathlib import Path
from typing import Annotated

import typer

from model_export.cli.console import print_json, progress, say
from model_export.cli.options import Json
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
    target = out
    try:
        shop = Shop(seed=shop_seed, products=products)
        with progress() as bars:
            traffic = bars.track(shop.sessions(sessions, seed=seed), total=sessions, description="shopping")
            events = write_events(out, traffic)
        if products_out is not None:
            target = products_out
            write_products(products_out, shop.products)
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(str(error)) from error
    if as_json:
        print_json({"file": str(out), "sessions": sessions, "events": events})
        return
    say(f"{out}: {sessions} sessions, {events} events")
