"""Steering: which items may be recommended, and how a shop changes their order. `compose` has the rules."""
