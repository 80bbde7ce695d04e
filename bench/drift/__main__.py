"""Simulated windows of a steady and of a changed shop: how often drift is found, each window on its own.

    python -m bench.drift [--windows 200] [--json PATH]

Every window is compared with the training and with another window of the same shop. Smoothing, which makes tickets
rarer, is left out. The figures follow from the seeds alone.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from bench.common.options import benchmark_parser
from bench.common.results import write_json
from bench.drift.shops import STEADY, Change, Traffic
from model_export.drift.measure import measure
from model_export.drift.report import ELEVATED, MODERATE, DriftReport

WINDOWS = 200
CHANGED = 4
"""A changed shop has one window for so many of a steady one: nearly all of them are alike."""
SIZES = (100, 300, 1_000)
SHOPS = (
    STEADY,
    Change("other tastes", seed=8),
    Change("new products", products=500),
    Change("new products for a third of the visitors", products=500, share=1 / 3),
    Change("both", seed=8, products=500),
)
NOW = datetime(2026, 1, 2, 0, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """Figures of a shop and a size of window.

    Attributes:
        shop: its name.
        sessions: of a window.
        windows: number of windows.
        over: share of the windows in which a measure that notifies has a PSI of at least .1, chance included.
        beyond: share in which one is beyond what chance arrives at once in a thousand times.
        moderate, elevated: share of that level or a higher one.
        psi: mean PSI of the items against the training.
        expected: its mean expectation by chance.
        excess: its mean beyond chance.
    """

    shop: str
    sessions: int
    windows: int
    over: float
    beyond: float
    moderate: float
    elevated: float
    psi: float
    expected: float
    excess: float


def main() -> None:
    """Print the table and write JSON if asked."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--windows", type=int, default=WINDOWS, help="windows of a steady shop (default: %(default)s)")
    arguments = parser.parse_args()
    rows = simulate(arguments.windows)
    _print(rows)
    write_json({"rows": [asdict(row) for row in rows]}, arguments.json)


def simulate(windows: int, sizes: Sequence[int] = SIZES, shops: Sequence[Change] = SHOPS) -> list[Row]:
    """Return the figures of all shops and sizes."""
    traffic = Traffic()
    live = traffic.live()
    rows = []
    for shop in shops:
        count = windows if shop.is_none else max(windows // CHANGED, 1)
        for size in sizes:
            measured = []
            before = traffic.window(STEADY, size, 999)
            for number in range(count):
                window = traffic.window(shop, size, 1_000 + 2 * number)
                measured.append(measure(live, window, before, None, NOW, 24.0))
                before = window if shop.is_none else before
            rows.append(_row(shop.name, size, measured))
    return rows


def _row(name: str, size: int, measured: Sequence[DriftReport]) -> Row:
    def share(chosen: Sequence[bool]) -> float:
        return sum(chosen) / len(chosen)

    def notifying(value: str) -> list[float]:
        return [max(getattr(each, value) for each in report.measures if each.notifies) for report in measured]

    items = [found for report in measured if (found := report.measure("items", "training")) is not None]
    excess = notifying("excess")
    return Row(
        shop=name,
        sessions=size,
        windows=len(measured),
        over=share([value >= MODERATE for value in notifying("psi")]),
        beyond=share([value > 0 for value in excess]),
        moderate=share([value >= MODERATE for value in excess]),
        elevated=share([value >= ELEVATED for value in excess]),
        psi=sum(each.psi for each in items) / len(items),
        expected=sum(each.expected for each in items) / len(items),
        excess=sum(each.excess for each in items) / len(items),
    )


def _print(rows: Sequence[Row]) -> None:
    table = Table(
        *("shop", "sessions of a window", "windows", "PSI over .1", "beyond chance", "moderate", "elevated"),
        *("items: PSI", "by chance", "beyond"),
    )
    for row in rows:
        shares = (row.over, row.beyond, row.moderate, row.elevated)
        figures = (row.psi, row.expected, row.excess)
        table.add_row(
            row.shop,
            f"{row.sessions:,}",
            str(row.windows),
            *(f"{100 * share:.1f} %" for share in shares),
            *(f"{value:.3f}" for value in figures),
        )
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
