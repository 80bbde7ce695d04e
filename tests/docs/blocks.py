"""Write the files that a page tells its reader to save: ``python -m tests.docs.blocks docs/tutorial.md``."""

import re
import sys
from pathlib import Path

_FILE = re.compile(r"^```\w+ (\w+\.\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def files_in(page: Path) -> dict[str, str]:
    """Return the blocks of a page whose first line names a file (```` ```python visit.py ````), by that name."""
    return dict(_FILE.findall(page.read_text(encoding="utf-8")))


if __name__ == "__main__":
    for name, text in files_in(Path(sys.argv[1])).items():
        Path(name).write_text(text, encoding="utf-8")
