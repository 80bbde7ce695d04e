"""Benchmarks of the catalogue: building and opening it, and filters over it."""
