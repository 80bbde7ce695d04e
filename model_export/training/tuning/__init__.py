"""Tuning: searches training settings on the validation days, without the test days."""
