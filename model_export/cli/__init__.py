"""The command line ``nextitem``: parses arguments and prints results; other packages do the work."""

from model_export.cli.app import main

__all__ = ["main"]
