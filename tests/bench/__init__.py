"""Tests of what the benchmarks judge by."""
