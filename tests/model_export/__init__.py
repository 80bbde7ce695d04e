"""Tests of the offline part."""
