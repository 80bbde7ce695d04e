"""The command `cost`: estimates the monthly cost of a deployment."""

from dataclasses import asdict
from typing import Annotated

import typer

from model_export.cli.console import OUT, print_json
from model_export.cli.options import Json
from model_export.cli.tables import column, table
from model_export.cost.estimate import Architecture, Deployment, StoreKind, Strategy, cost_of
from model_export.cost.prices import AS_OF
from nextitem.errors import InputError


def cost(
    rps: Annotated[float, typer.Option(min=0.001, help="Mean requests per second over the month.")] = 1.0,
    catalogue: Annotated[int, typer.Option(min=1, help="Number of items.")] = 20_000,
    peak: Annotated[float, typer.Option(min=1, help="The busiest second, as a multiple of the mean.")] = 3.0,
    sessions_per_day: Annotated[float | None, typer.Option(min=0, help="Default: one for every 5 requests.")] = None,
    memory: Annotated[
        int | None,
        typer.Option(min=512, max=10_240, help="Function memory in MB. Default: the memory that the catalogue needs."),
    ] = None,
    strategy: Annotated[Strategy, typer.Option(help="How cold starts are avoided.")] = "none",
    store: Annotated[StoreKind, typer.Option(help="Kind of the session store.")] = "serverless",
    architecture: Annotated[Architecture, typer.Option(help="Processor.")] = "x86_64",
    versions: Annotated[int, typer.Option(min=1, help="Model versions that answer within the month.")] = 2,
    learning: Annotated[bool, typer.Option(help="With the learning loop, and an event in each request.")] = False,
    training_hours: Annotated[float, typer.Option(min=0, help="Hours of one training job of the loop.")] = 1.0,
    as_json: Json = False,
) -> None:
    """Estimate what a deployment costs in a month, at list prices."""
    deployment = Deployment(
        *(rps, peak, catalogue, sessions_per_day, memory, strategy, store, architecture, versions),
        learning=learning,
        training_hours=training_hours,
    )
    try:
        estimate = cost_of(deployment)
    except ValueError as error:
        raise InputError(str(error)) from None
    if as_json:
        lines = {name: round(dollars, 2) for name, dollars in estimate.lines.items()}
        total = {"total": round(estimate.total, 2), "per_million": round(estimate.per_million, 2), "as_of": AS_OF}
        print_json({"deployment": asdict(deployment), "memory_mb": estimate.memory_mb, "lines": lines, **total})
        return
    title = f"{estimate.requests / 1e6:,.1f} million requests a month, {catalogue:,} items, {estimate.memory_mb:,} MB"
    costs = table("", column("USD a month", number=True), title=title)
    for name, dollars in estimate.lines.items():
        costs.add_row(name, f"{dollars:,.2f}")
    costs.add_section()
    costs.add_row("Total", f"{estimate.total:,.2f}")
    costs.add_row("For a million requests", f"{estimate.per_million:,.2f}")
    OUT.print(costs)
    OUT.print(
        f"List prices of us-east-1, {AS_OF}, without free tiers. Assumes {estimate.milliseconds:.1f} ms for a request."
    )
