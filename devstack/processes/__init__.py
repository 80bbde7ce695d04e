"""Child processes that end with their parent, and what serves their connections."""
