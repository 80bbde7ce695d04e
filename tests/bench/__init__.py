"""Tests of the benchmarks' measurements and checks."""
