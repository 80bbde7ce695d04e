"""The command line ``nextitem``: argument parsing and printing only; each command calls one story elsewhere."""

from model_export.cli.app import main

__all__ = ["main"]
