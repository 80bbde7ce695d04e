"""Trains the network and the session memory, and keeps runs."""
