"""Alarms and their evaluation."""
