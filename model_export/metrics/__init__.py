"""Metrics of rankings, their intervals and slices."""
