"""Tests of the offline rooms."""
