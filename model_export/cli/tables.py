"""Tables of the commands: readable in a terminal of 80 columns, and never cut."""

from rich.table import Column, Table


def column(heading: str, *, number: bool = False, whole: bool = False) -> Column:
    """Return a column whose texts are folded where they do not fit.

    Args:
        heading: of the column; a line end begins another line.
        number: whether its cells are numbers, which end at the right.
        whole: whether a cell stays on one line, such as a version, which a reader copies.
    """
    return Column(heading, overflow="fold", justify="right" if number else "left", no_wrap=whole)


def table(*columns: str | Column, title: str | None = None) -> Table:
    """Return a table; a text is the heading of a plain column."""
    return Table(*(column(each) if isinstance(each, str) else each for each in columns), title=title)
