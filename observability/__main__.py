"""``python -m observability``: write observability.yaml, and the tables of two pages."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import yaml

from observability.rendering.tables import with_tables
from observability.rendering.template import template

ROOT = Path(__file__).parent.parent
TEMPLATE = ROOT / "observability" / "observability.yaml"
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
    return yaml.dump(template(), Dumper=_Dumper, sort_keys=False, width=WIDTH)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the template and the tables of the pages."""
    parser = argparse.ArgumentParser(prog="python -m observability", description="Write observability.yaml.")
    parser.add_argument("--out", type=Path, default=TEMPLATE, help="write the template here")
    parser.add_argument("--page", type=Path, nargs="+", default=PAGES, help="update the tables of these pages")
    options = parser.parse_args(arguments)
    options.out.write_text(rendered(), encoding="utf-8")
    for page in options.page:
        page.write_text(with_tables(page.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
