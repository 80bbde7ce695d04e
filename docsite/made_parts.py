"""Fill the parts of pages that are made from code: the comment `<!-- made by make site: NAME -->` stands for each."""

import re
from collections.abc import Callable, Mapping

from sphinx.application import Sphinx

from docsite.reference import cli, metrics, openapi, parameters, settings

PARTS: Mapping[str, Callable[[], str]] = {
    "cli": cli.page,
    "container": settings.container_page,
    "metrics": metrics.page,
    "openapi": openapi.page,
    "parameters": parameters.page,
    "settings": settings.page,
}
_PLACE = re.compile(r"^<!-- made by make site: (\S+) -->$", re.MULTILINE)


def fill(text: str) -> str:
    """Return a page with its parts.

    Raises:
        ValueError: there is no such part.
    """
    return _PLACE.sub(_part, text)


def _part(place: re.Match[str]) -> str:
    if place[1] not in PARTS:
        raise ValueError(f"{place[0]}: there is no part {place[1]!r}. Parts: {', '.join(PARTS)}")
    return PARTS[place[1]]()


def _read(_app: Sphinx, _docname: str, source: list[str]) -> None:
    source[0] = fill(source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True}
