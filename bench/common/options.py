"""The command line of a benchmark."""

import argparse
from pathlib import Path


def benchmark_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser whose help is the module's docstring, with the option `--json PATH` for `write_json`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    return parser
