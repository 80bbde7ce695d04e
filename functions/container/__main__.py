"""``python -m container``: serve the API over HTTP until SIGTERM."""

import contextlib
import sys

from container.metrics_files import VARIABLE, metrics_directory
from container.settings import ContainerSettings
from container.supervisor import Supervisor, listen
from nextitem.errors import SettingsError
from nextitem.settings import Settings


def main() -> int:
    """Run the server and return its exit code."""
    try:
        Settings.read()  # here, so that a wrong one is one line and not the same one of each worker
        settings = ContainerSettings.read()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    try:
        listening = listen(settings.host, settings.port)
    except OSError as error:
        sys.stderr.write(f"cannot listen on {settings.host}:{settings.port} (NEXTITEM_HOST, NEXTITEM_PORT): {error}\n")
        return 1
    with listening, contextlib.ExitStack() as undo:
        try:
            undo.enter_context(metrics_directory())
        except OSError as error:
            sys.stderr.write(f"no metrics can be kept ({VARIABLE}): {error}\n")
            return 1
        return Supervisor(settings, listening).run()


if __name__ == "__main__":
    sys.exit(main())
