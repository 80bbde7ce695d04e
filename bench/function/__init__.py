"""Benchmarks of the whole function."""
