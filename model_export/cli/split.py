"""Commands about event files: `simulate` and `split`."""

from pathlib import Path
from typing import Annotated

import typer

from model_export.cli.console import (
    EventsFile,
    GapMinutes,
    ItemColumn,
    Json,
    SessionColumn,
    TimeColumn,
    UserColumn,
    columns_of,
    print_json,
    progress,
    read_events,
    say,
    waiting,
)
from model_export.data.split import split_by_time, write_split
from model_export.simulator import Shop
from model_export.simulator.files import write_events, write_products
from nextitem.errors import InputError


def simulate(
    out: Annotated[Path, typer.Option(help="Events file to write: .csv or .csv.gz.", show_default=False)],
    products_out: Annotated[Path | None, typer.Option(help="Also write the products: a .csv.")] = None,
    sessions: Annotated[int, typer.Option(min=1, help="How many sessions.")] = 10_000,
    products: Annotated[int, typer.Option(help="How many products the shop has.")] = 400,
    shop_seed: Annotated[int, typer.Option(help="Seed of the shop: what is popular, what goes together.")] = 7,
    seed: Annotated[int, typer.Option(help="Seed of the shoppers.")] = 1,
) -> None:
    """Write synthetic sessions of a made-up shop."""
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
    say(f"{out}: {sessions} sessions, {events} events")


def split(
    events: EventsFile,
    train_out: Annotated[Path, typer.Option(help="Where the training events go.", show_default=False)],
    test_out: Annotated[Path, typer.Option(help="Where the test events go.", show_default=False)],
    test_days: Annotated[int, typer.Option(min=1, help="Test = the sessions that start on the last days (UTC).")] = 3,
    session_column: SessionColumn = "session_id",
    item_column: ItemColumn = "item_id",
    time_column: TimeColumn = "timestamp",
    user_column: UserColumn = None,
    gap_minutes: GapMinutes = 30,
    as_json: Json = False,
) -> None:
    """Split events into train and test by time.

    Where times are only a running index, days mean nothing and the last tenth of the sessions is the test.
    """
    if events.resolve() in (train_out.resolve(), test_out.resolve()):
        raise InputError(f"{events} would be overwritten, give the parts names of their own")
    sessions = read_events(events, columns_of(session_column, item_column, time_column, user_column, gap_minutes))
    parts = split_by_time(sessions, test_days)
    with waiting("writing"):
        write_split(parts, train_out, test_out)
    sides = {
        name: {"file": str(path), "sessions": len(side), "events": len(side.codes), "items": len(side.catalogue)}
        for name, path, side in (("train", train_out, parts.train), ("test", test_out, parts.test))
    }
    if as_json:
        print_json({**sides, "cutoff": parts.cutoff, "by": parts.by})
        return
    say(f"test = {parts.by}")
    for name, side in sides.items():
        say(f"{name}: {side['file']}: {side['sessions']} sessions, {side['events']} events, {side['items']} items")
