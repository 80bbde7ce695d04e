"""A snapshot as a person reads it in a terminal. Knows only what was measured."""

from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from devstack.top.alarm_states import AlarmState
from devstack.top.snapshot import Snapshot

_ORDER = ("page", "rollback", "ticket")
_STYLE = {"page": "bold red", "rollback": "red", "ticket": "yellow"}


def view(snapshot: Snapshot) -> RenderableType:
    """Return what is shown of a snapshot."""
    at = datetime.fromtimestamp(snapshot.at).astimezone()
    title = Text(f"nextitem  {at:%H:%M:%S}  the last {snapshot.window_seconds} s", style="bold")
    parts: list[RenderableType] = [title, _figures(snapshot)]
    if snapshot.versions:
        parts.append(_versions(snapshot))
    parts.append(_alarms(snapshot))
    if snapshot.bad_records:
        parts.append(Text(f"{snapshot.bad_records} lines of the log cannot be read as metrics records", style="red"))
    return Group(*parts)


def _figures(snapshot: Snapshot) -> Table:
    latency = (snapshot.p50_ms, snapshot.p95_ms, snapshot.p99_ms)
    served = sorted(snapshot.served_by.items(), key=lambda item: -item[1])
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("requests", f"{snapshot.requests}, {snapshot.requests_per_second:.1f}/s")
    table.add_row("p50, p95, p99", ", ".join(map(_milliseconds, latency)))
    table.add_row("slow, failed", f"{_share(snapshot.slow_share)}, {_share(snapshot.failed_share)}")
    table.add_row("cold starts", str(snapshot.cold_starts))
    table.add_row("served by", ", ".join(f"{source} {share:.1%}" for source, share in served) or "-")
    table.add_row("state restored, p95", _milliseconds(snapshot.restore_p95_ms))
    table.add_row("store faults", str(snapshot.store_faults))
    if snapshot.route_faults:
        table.add_row("route faults", str(snapshot.route_faults))
    judged = f"{_share(snapshot.hit_rate)} of {snapshot.judged_answers} next events"
    table.add_row("online hit@20", judged if snapshot.judged_answers else "-")
    table.add_row("click-through", _share(snapshot.click_rate))
    return table


def _versions(snapshot: Snapshot) -> Table:
    table = Table("version", "variant", "requests", "p95", "slow", "hit@20", "clicks", box=None, pad_edge=False)
    for each in snapshot.versions:
        table.add_row(
            each.version,
            each.variant,
            str(each.requests),
            _milliseconds(each.p95_ms),
            _share(each.slow_share),
            _share(each.hit_rate),
            _share(each.click_rate),
        )
    return table


def _alarms(snapshot: Snapshot) -> RenderableType:
    telling = [alarm for alarm in snapshot.alarms if alarm.state == "ALARM" and alarm.tells]
    if not telling:
        evaluated = sum(alarm.state != "NOT_EVALUATED" for alarm in snapshot.alarms)
        return Text(f"no alarm ({evaluated} of {len(snapshot.alarms)} can be judged here)", style="green")
    table = Table("alarm", "tells", "meaning", "runbook", box=None, pad_edge=False)
    for alarm in sorted(telling, key=lambda one: _ORDER.index(str(one.tells))):
        table.add_row(alarm.name, _tells(alarm), alarm.meaning, alarm.runbook, style=_STYLE.get(str(alarm.tells), ""))
    return table


def _tells(alarm: AlarmState) -> str:
    return f"{alarm.tells} (silent: {alarm.suppressed_by})" if alarm.suppressed_by else str(alarm.tells)


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
