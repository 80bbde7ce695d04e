"""Tables and texts of Markdown."""

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table. Line breaks within a cell become spaces."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def code(text: object) -> str:
    """Return a text in code style; an empty one stays empty."""
    return f"`{text}`" if str(text) else ""


def plain(text: str) -> str:
    """Return a text whose characters mean themselves: `*` and `<` are no markup. Words in backticks stay code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a backtick without a partner
        return _escape(text)
    return "`".join(part if place % 2 else _escape(part) for place, part in enumerate(parts))


def sentence(text: str) -> str:
    """Return a text with a capital first and a full stop last."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _escape(text: str) -> str:
    return "".join(f"\\{character}" if character in r"\`*_{}[]<>#" else character for character in text)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")
