"""Render the figures for a terminal."""

from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from devstack.top.alarm_states import AlarmState
from devstack.top.figures import Figures

_ORDER = ("page", "rollback", "ticket")
_STYLE = {"page": "bold red", "rollback": "red", "ticket": "yellow"}


def view(figures: Figures) -> RenderableType:
    """Return figures as text and tables."""
    at = datetime.fromtimestamp(figures.at).astimezone()
    title = Text(f"nextitem  {at:%H:%M:%S}  the last {figures.window_seconds} s", style="bold")
    parts: list[RenderableType] = [title, _figures(figures)]
    if figures.versions:
        parts.append(_versions(figures))
    parts.append(_alarms(figures))
    if figures.bad_records:
        parts.append(Text(f"{figures.bad_records} lines of the log cannot be read as metrics records", style="red"))
    return Group(*parts)


def _figures(figures: Figures) -> Table:
    latency = (figures.p50_ms, figures.p95_ms, figures.p99_ms)
    served = sorted(figures.served_by.items(), key=lambda item: -item[1])
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("requests", f"{figures.requests}, {figures.requests_per_second:.1f}/s")
    table.add_row("p50, p95, p99", ", ".join(map(_milliseconds, latency)))
    table.add_row("slow, failed", f"{_share(figures.slow_share)}, {_share(figures.failed_share)}")
    table.add_row("cold starts", str(figures.cold_starts))
    table.add_row("served by", ", ".join(f"{source} {share:.1%}" for source, share in served) or "-")
    table.add_row("state restored, p95", _milliseconds(figures.restore_p95_ms))
    table.add_row("store faults", str(figures.store_faults))
    if figures.route_faults:
        table.add_row("route faults", str(figures.route_faults))
    feedback = f"{_share(figures.hit_rate)} of {figures.labelled_events} next events"
    table.add_row("online hit@20", feedback if figures.labelled_events else "-")
    table.add_row("click-through", _share(figures.click_rate))
    return table


def _versions(figures: Figures) -> Table:
    table = Table("version", "variant", "requests", "p95", "slow", "hit@20", "clicks", box=None, pad_edge=False)
    for version in figures.versions:
        table.add_row(
            version.version,
            version.variant,
            str(version.requests),
            _milliseconds(version.p95_ms),
            _share(version.slow_share),
            _share(version.hit_rate),
            _share(version.click_rate),
        )
    return table


def _alarms(figures: Figures) -> RenderableType:
    active = [alarm for alarm in figures.alarms if alarm.state == "ALARM" and alarm.action]
    if not active:
        evaluated = sum(alarm.state != "NOT_EVALUATED" for alarm in figures.alarms)
        return Text(f"no alarm ({evaluated} of {len(figures.alarms)} can be evaluated here)", style="green")
    table = Table("alarm", "action", "meaning", "runbook", box=None, pad_edge=False)
    for alarm in sorted(active, key=lambda alarm: _ORDER.index(str(alarm.action))):
        table.add_row(alarm.name, _action(alarm), alarm.meaning, alarm.runbook, style=_STYLE.get(str(alarm.action), ""))
    return table


def _action(alarm: AlarmState) -> str:
    return f"{alarm.action} (silent: {alarm.suppressed_by})" if alarm.suppressed_by else str(alarm.action)


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
