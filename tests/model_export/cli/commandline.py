"""Run commands within the process of the test."""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from model_export.cli import main
from model_export.view import MARK


@dataclass(frozen=True)
class Answer:
    """The exit code and output of a command, without the lines of progress that a slow machine adds."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output, as JSON."""
        return json.loads(self.out)

    @property
    def fault(self) -> str:
        """The one line of an error, after the summary of events that could be read."""
        assert self.code == 2, self
        assert self.out == "", self
        *_summary, line = self.err.splitlines()
        assert "Traceback" not in self.err, self
        assert self.err.count("nextitem: ") == 1, self
        return line


def nextitem(*arguments: str | Path) -> Answer:
    """Run a command."""
    out, err = io.StringIO(), io.StringIO()
    argv = ["nextitem", *map(str, arguments)]
    code: int | str | None = 0
    with mock.patch.object(sys, "argv", argv), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code
    messages = (line for line in err.getvalue().splitlines(keepends=True) if not line.startswith(MARK))
    return Answer(code if isinstance(code, int) else int(code is not None), out.getvalue(), "".join(messages))


def done(*arguments: str | Path) -> Answer:
    """Run a command that must succeed."""
    answer = nextitem(*arguments)
    assert answer.code == 0, answer
    return answer
