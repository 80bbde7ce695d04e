"""`python -m model_export.cli` is the program `nextitem`: torchrun starts modules."""

from model_export.cli import main

main()
