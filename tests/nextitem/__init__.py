"""Tests of the serving library."""
