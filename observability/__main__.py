"""``python -m observability``: write the files for CloudWatch, Prometheus and Grafana, and the tables of two pages."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from observability.metrics.references import NotEmitted
from observability.rendering.grafana import grafana_dashboard
from observability.rendering.prometheus_check import queries_of, unknown_series
from observability.rendering.prometheus_rules import rules
from observability.rendering.prometheus_tables import alerts_table, only_cloudwatch_table, series_table
from observability.rendering.tables import with_tables
from observability.rendering.template import template

ROOT = Path(__file__).parent.parent
TEMPLATE = ROOT / "observability" / "observability.yaml"
RULES = ROOT / "observability" / "prometheus-rules.yaml"
RULE_RESOURCE = ROOT / "kubernetes" / "prometheus" / "rules.yaml"
GRAFANA = ROOT / "observability" / "grafana.json"
PAGES = (ROOT / "docs" / "monitoring.md", ROOT / "docs" / "howto" / "costs.md")
"""The pages with generated tables."""
WIDTH = 120


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as a block, and no anchors."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def rendered() -> str:
    """Return the template's text."""
    return _yaml(template())


def rendered_rules() -> str:
    """Return the text of Prometheus's rules."""
    return f"# Written by `make observability`, do not edit\n{_yaml(checked(rules()))}"


def rendered_rule_resource() -> str:
    """Return the text of the same rules as a resource of the Prometheus operator."""
    head = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": {"name": "nextitem"}}
    return f"# Written by `make observability`, do not edit\n{_yaml({**head, 'spec': checked(rules())})}"


def rendered_grafana() -> str:
    """Return the text of Grafana's dashboard."""
    return json.dumps(checked(grafana_dashboard()), indent=1) + "\n"


def checked(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document with queries if all their series exist.

    Raises:
        NotEmitted: containers expose no such series.
    """
    for query in queries_of(document):
        if unknown := unknown_series(query):
            raise NotEmitted(f"no container exposes {', '.join(unknown)}; the query is {query}")
    return document


def with_all_tables(page: str) -> str:
    """Return a page with the current text of each of its tables."""
    further = {
        "prometheus_series": series_table,
        "prometheus_alerts": alerts_table,
        "only_cloudwatch": only_cloudwatch_table,
    }
    return with_tables(page, further)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files and the tables of the pages."""
    parser = argparse.ArgumentParser(prog="python -m observability", description="Write what the alarms deploy.")
    parser.add_argument("--out", type=Path, default=TEMPLATE, help="write CloudWatch's template here")
    parser.add_argument("--rules", type=Path, default=RULES, help="write Prometheus's rules here")
    parser.add_argument("--rule-resource", type=Path, default=RULE_RESOURCE, help="write them for Kubernetes here")
    parser.add_argument("--grafana", type=Path, default=GRAFANA, help="write Grafana's dashboard here")
    parser.add_argument("--page", type=Path, nargs="+", default=PAGES, help="update the tables of these pages")
    options = parser.parse_args(arguments)
    options.out.write_text(rendered(), encoding="utf-8")
    options.rules.write_text(rendered_rules(), encoding="utf-8")
    options.rule_resource.write_text(rendered_rule_resource(), encoding="utf-8")
    options.grafana.write_text(rendered_grafana(), encoding="utf-8")
    for page in options.page:
        page.write_text(with_all_tables(page.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


def _yaml(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=WIDTH)


if __name__ == "__main__":
    raise SystemExit(main())
