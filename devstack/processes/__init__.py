"""Child processes that end with their parent, listening sockets, and event loop threads."""
