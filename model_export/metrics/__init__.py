"""Ranking metrics, their intervals and slices."""
