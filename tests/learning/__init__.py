"""Tests of the learning loop's functions."""
