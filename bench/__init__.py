"""Benchmarks: one command for each figure that documents quote, beside its peers in the same run."""
