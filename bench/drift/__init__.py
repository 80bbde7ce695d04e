"""Simulated windows of a shop: how often drift is found where there is none, and where there is."""
