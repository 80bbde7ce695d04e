"""Commands of the learning loop in processes of their own, beside the drill."""

import subprocess
from collections.abc import Mapping, Sequence
from tempfile import TemporaryFile

ERROR_LINES = 20
PASSED, REFUSED = 0, 3
"""Exit codes of a retraining and of the gate."""


class CommandFailed(Exception):
    """A command of the learning loop ended with an error; the text is the end of its output."""


class Command:
    """A command that runs. Its output goes to files: a full pipe would stop it, because `poll` reads none.

    Args:
        command: the program and its arguments.
        environment: its variables.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._output, self._errors = TemporaryFile("w+"), TemporaryFile("w+")  # noqa: SIM115 - closed by `result` or `kill`
        self._process = subprocess.Popen(command, env=environment, stdout=self._output, stderr=self._errors)

    def poll(self) -> int | None:
        """Return the exit code; None while it runs."""
        return self._process.poll()

    def result(self) -> str:
        """Wait for the end and return the output; a version that is refused is no error.

        Raises:
            CommandFailed: it ended with an error.
        """
        code = self._process.wait()
        with self._output as output, self._errors as errors:
            for file in (output, errors):
                file.seek(0)
            if code not in {PASSED, REFUSED}:
                raise CommandFailed("\n".join(errors.read().splitlines()[-ERROR_LINES:]))
            return output.read()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        self._output.close()
        self._errors.close()
