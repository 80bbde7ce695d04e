"""Benchmarks of the session store."""
