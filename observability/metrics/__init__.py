"""Metrics, and the indicators computed from them."""
