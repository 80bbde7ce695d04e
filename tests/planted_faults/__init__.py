"""Planted faults: a kept list of mistakes in the code, and the command that counts how many of them the tests find."""
