"""Requests per second of one core at a bounded p99, for each way to serve the same models."""
