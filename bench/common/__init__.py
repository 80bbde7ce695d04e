"""Timing and results of benchmarks."""
