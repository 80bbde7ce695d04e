"""Compare two versions on live sessions, and decide between them at every look."""
