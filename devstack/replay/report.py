"""Show a replay: sample recommendations and a table of its figures."""

import http
from collections import Counter
from collections.abc import Mapping, Sequence
from math import ceil

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from devstack.lambda_runtime.worker import ColdStart
from devstack.replay.shoppers import LIMIT, Call, Visit

SAMPLES = 3
SAMPLE_ITEMS = 5
MIN_SAMPLE_LENGTH = 3


def print_samples(console: Console, visits: Sequence[Visit], names: Mapping[str, str]) -> None:
    """Print the last views of some shoppers, and their recommendations."""
    samples = [visit for visit in visits if len(visit.item_ids) >= MIN_SAMPLE_LENGTH and visit.calls[-1].recommended]
    for visit in samples[:SAMPLES]:
        console.print("\nA shopper looked at")
        for item_id in list(dict.fromkeys(visit.item_ids))[-SAMPLE_ITEMS:]:
            console.print(f"  {_with_name(item_id, names)}", highlight=False)
        console.print("and is recommended")
        for place, item_id in enumerate(visit.calls[-1].recommended[:SAMPLE_ITEMS], start=1):
            console.print(f"  [bold]{place}[/bold] {_with_name(item_id, names)}", highlight=False)


def replay_table(visits: Sequence[Visit], cold_starts: Sequence[ColdStart]) -> Table:
    """Return the figures of a replay as a table; times are the client's."""
    calls = [call for visit in visits for call in visit.calls]
    hits = [hit for visit in visits for hit in visit.hits()]
    served = Counter(call.served_by for call in calls if call.served_by)
    table = Table(title=f"Replay of {len(visits)} sessions", show_header=False)
    table.add_row("requests", str(len(calls)))
    for percent in (50, 95, 99):
        table.add_row(f"p{percent}", f"{percentile([call.milliseconds for call in calls], percent):.1f} ms")
    table.add_row("cold starts", str(len(cold_starts)))
    table.add_row("  spawned to ready", _spread([start.ready_ms for start in cold_starts]))
    table.add_row("  spawned to first answer", _spread([start.answer_ms for start in cold_starts]))
    table.add_row("served by", ", ".join(f"{name} {count / len(calls):.1%}" for name, count in served.most_common()))
    table.add_row("errors", errors_text(calls))
    reached = f"{sum(hits) / len(hits):.3f} of {len(hits)}" if hits else "no"
    table.add_row(f"HR@{LIMIT}", f"{reached} next items new to their session")
    return table


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the smallest value that at least `percent` percent do not exceed (nearest rank); 0.0 if there are none."""
    ranked = sorted(values)
    return ranked[max(ceil(percent / 100 * len(ranked)) - 1, 0)] if ranked else 0.0


def errors_text(calls: Sequence[Call]) -> str:
    """Count the calls that were refused or failed, by status."""
    statuses = Counter(call.status for call in calls if call.status >= http.HTTPStatus.BAD_REQUEST)
    return ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items())) or "none"


def server_errors(visits: Sequence[Visit]) -> int:
    """Count the calls with a server error (5xx)."""
    return sum(call.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR for visit in visits for call in visit.calls)


def _spread(values: Sequence[float]) -> str:
    return f"{percentile(values, 50):.0f} ms, at most {max(values):.0f} ms" if values else "none"


def _with_name(item_id: str, names: Mapping[str, str]) -> str:
    return f"{escape(names.get(item_id, item_id))} [dim]({escape(item_id)})[/dim]"
