"""The session memory: index, recall, blend, and its graph."""
