"""The command `cost`: what a deployment costs a month."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from model_export.cli.console import OUT, Json, print_json
from model_export.cost import Architecture, Deployment, StoreKind, Strategy, cost_of
from nextitem.errors import InputError
from observability.prices import AS_OF


def cost(
    rps: Annotated[float, typer.Option(min=0.001, help="Requests a second, averaged over the month.")] = 1.0,
    catalogue: Annotated[int, typer.Option(min=1, help="Items.")] = 20_000,
    peak: Annotated[float, typer.Option(min=1, help="The busiest second, over the average.")] = 3.0,
    sessions_per_day: Annotated[float | None, typer.Option(min=0, help="Left out: one for every 5 requests.")] = None,
    memory: Annotated[
        int | None, typer.Option(min=512, max=10_240, help="MB; left out: what the catalogue needs.")
    ] = None,
    strategy: Annotated[Strategy, typer.Option(help="Against cold starts.")] = "none",
    store: Annotated[StoreKind, typer.Option(help="Kind of the session store.")] = "serverless",
    architecture: Annotated[Architecture, typer.Option(help="Processor.")] = "x86_64",
    versions: Annotated[int, typer.Option(min=1, help="Model versions that answer within the month.")] = 2,
    as_json: Json = False,
) -> None:
    """Estimate what a deployment costs a month, at list prices."""
    deployment = Deployment(rps, peak, catalogue, sessions_per_day, memory, strategy, store, architecture, versions)
    try:
        found = cost_of(deployment)
    except ValueError as error:
        raise InputError(str(error)) from None
    if as_json:
        lines = {name: round(dollars, 2) for name, dollars in found.lines.items()}
        total = {"total": round(found.total, 2), "per_million": round(found.per_million, 2), "as_of": AS_OF}
        print_json({"deployment": asdict(deployment), "memory_mb": found.memory_mb, "lines": lines, **total})
        return
    title = f"{found.requests / 1e6:,.1f} million requests a month, {catalogue:,} items, {found.memory_mb:,} MB"
    table = Table("", "USD a month", title=title)
    table.columns[1].justify = "right"
    for name, dollars in found.lines.items():
        table.add_row(name, f"{dollars:,.2f}")
    table.add_section()
    table.add_row("Total", f"{found.total:,.2f}")
    table.add_row("For a million requests", f"{found.per_million:,.2f}")
    OUT.print(table)
    OUT.print(
        f"List prices of us-east-1, {AS_OF}, without free tiers; a request is taken as {found.milliseconds:.1f} ms."
    )
