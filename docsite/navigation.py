"""Make the navigation from the lists and tables of links that readers see: a page is listed in one place only."""

import re
from typing import Any

from sphinx.application import Sphinx

INDEXES = ("docs/index", "docs/decisions/README", "docs/runbooks/README")
"""Pages whose lists of links are the navigation."""
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_ENTRY = re.compile(r"^(?:- |\| )\[([^\]]+)\]\(([^)#:]+)\.md\)", re.MULTILINE)


def toctrees(text: str) -> list[str]:
    """Return a hidden toctree for each section with entries; the section's heading is its caption.

    An entry is an item of a list or a row of a table that begins with a link to a page. Its text is the name in the
    navigation.
    """
    intro, *sections = _SECTION.split(text)
    captioned = [("", intro), *zip(sections[::2], sections[1::2], strict=True)]
    return [_toctree(caption, entries) for caption, part in captioned if (entries := _ENTRY.findall(part))]


def _toctree(caption: str, entries: list[tuple[str, str]]) -> str:
    lines = ["```{toctree}", ":hidden:", *([f":caption: {caption}"] if caption else []), ""]
    return "\n".join([*lines, *(f"{name.replace('`', '')} <{page}>" for name, page in entries), "```"])


def _extend(_app: Sphinx, docname: str, source: list[str]) -> None:
    if docname in INDEXES:
        source[0] = "\n\n".join([source[0], *toctrees(source[0])])


def _level_captions(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], _tree: object) -> None:
    """Add the level that ARIA requires of the captions' role `heading` and Sphinx leaves out."""
    tree = context["furo_navigation_tree"]
    context["furo_navigation_tree"] = tree.replace('role="heading"', 'role="heading" aria-level="2"')


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", _extend)
    app.connect("html-page-context", _level_captions, priority=900)  # after the theme's
    return {"parallel_read_safe": True}
