"""The command line ``nextitem``: parses arguments and prints results; other packages do the work."""

import sys

from model_export.cli.extras import extra
from nextitem.errors import InputError


def main() -> None:
    """Run the command line; where its packages are missing, say what to install."""
    try:
        with extra("export"):
            from model_export.cli.app import main as run
    except InputError as error:  # `make run` installs the program without its packages
        sys.exit(f"nextitem: {error}")
    run()
