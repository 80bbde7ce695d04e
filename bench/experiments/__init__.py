"""Simulated experiments: how often decisions are false, and how many sessions they need."""
