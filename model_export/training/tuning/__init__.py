"""Tuning: the search for settings, by the validation days alone. Never sees a test."""
