"""Grafana's dashboard is up to date, well formed, and shows only what containers expose."""

import json
from typing import Any

import pytest

from observability.__main__ import GRAFANA, checked, rendered_grafana
from observability.dashboards.widgets import FULL_WIDTH, Graph
from observability.metrics.references import NotEmitted
from observability.rendering.grafana import grafana_dashboard, left_out
from observability.rendering.prometheus_check import queries_of, unknown_series
from observability.rendering.template import DASHBOARDS

KINDS = {"row", "stat", "text", "timeseries"}


@pytest.fixture(scope="module")
def panels() -> list[dict[str, Any]]:
    """The panels of the committed file."""
    dashboard = json.loads(GRAFANA.read_text())
    return list(dashboard["panels"])


def test_the_committed_dashboard_is_up_to_date() -> None:
    assert GRAFANA.read_text() == rendered_grafana(), "run `make observability`"


def test_panels_have_different_ids_and_do_not_overlap(panels: list[dict[str, Any]]) -> None:
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < FULL_WIDTH
        assert taken.isdisjoint(cells), panel["title"]
        taken |= cells


def test_every_panel_asks_the_chosen_data_source_about_the_chosen_stack(panels: list[dict[str, Any]]) -> None:
    assert {panel["type"] for panel in panels} == KINDS
    for panel in panels:
        if panel["type"] in ("row", "text"):
            continue
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
        for target in panel["targets"]:
            assert 'stack="$stack"' in target["expr"]
            assert target["legendFormat"]
    variables = {each["name"]: each for each in grafana_dashboard()["templating"]["list"]}
    assert variables.keys() == {"datasource", "stack"}
    assert variables["stack"]["definition"] == "label_values(nextitem_requests_total, stack)"


def test_every_graph_is_shown_or_listed_as_left_out(panels: list[dict[str, Any]]) -> None:
    titles = {
        widget.title
        for dashboard in DASHBOARDS
        for row in (*dashboard.rows, *(dashboard.store_rows or ()))
        for widget in row
        if isinstance(widget, Graph)
    }
    shown = {panel["title"] for panel in panels if panel["type"] in ("stat", "timeseries")}
    assert titles - shown == titles & set(left_out())


def test_units_follow_from_the_metrics(panels: list[dict[str, Any]]) -> None:
    units = {panel["title"]: panel["fieldConfig"]["defaults"]["unit"] for panel in panels if "fieldConfig" in panel}
    assert units["Latency inside the function"] == "ms"
    assert units["Online hit@20"] == units["Slow share by version"] == "percentunit"
    assert units["Requests by version"] == "short"


def test_all_queries_name_what_is_exposed() -> None:
    assert [unknown_series(query) for query in queries_of(grafana_dashboard()) if unknown_series(query)] == []


@pytest.mark.parametrize(
    ("query", "unknown"),
    [
        ("rate(nextitem_surprises_total[5m])", "nextitem_surprises_total"),
        ('rate(nextitem_refused_total{variant="main"}[5m])', "nextitem_refused_total{variant}"),
        ("sum by (stack, placement) (rate(nextitem_requests_total[5m]))", "by (placement)"),
        ("nextitem_total_seconds", "nextitem_total_seconds"),
        ('nextitem:recorded{alarm="store-down"}', "nextitem:recorded"),
        ('nextitem_requests_total{stack=~"a,b=c",colour!=""}', "nextitem_requests_total{colour}"),
    ],
)
def test_what_is_not_exposed_is_refused(query: str, unknown: str) -> None:
    assert unknown_series(query) == [unknown]
    with pytest.raises(NotEmitted, match="no container exposes"):
        checked({"panels": [{"targets": [{"expr": query}]}]})
