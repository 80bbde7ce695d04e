"""Read the list of planted faults, and plant one."""

import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).parent / "faults.toml"


class Fault(NamedTuple):
    """A mistake in one line of a file, and the test modules of which at least one must fail with it.

    Attributes:
        file: path from the root of the tree.
        old: a part of one line that occurs once in the file.
        new: the text in its place.
        tests: paths of test modules.
    """

    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file}: {self.old.strip()!r} -> {self.new.strip()!r}"


class Misplaced(Exception):
    """The list is out of step with the code."""


def read_faults() -> list[Fault]:
    """Return all planted faults of the list, in its order."""
    files = tomllib.loads(LIST.read_text())
    return [
        Fault(file, old, new, tuple(entry["tests"])) for file, entry in files.items() for old, new in entry["faults"]
    ]


def plant(fault: Fault, text: str) -> str:
    """Return the text of a fault's file with the fault.

    Raises:
        Misplaced: the old text does not occur exactly once.
    """
    count = text.count(fault.old)
    if count != 1 or "\n" in fault.old:
        raise Misplaced(f"{fault}: the old text occurs {count} times, not once in one line; mend {LIST.name}")
    return text.replace(fault.old, fault.new)
