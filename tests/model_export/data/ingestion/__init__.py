"""Tests of the preparation room."""
