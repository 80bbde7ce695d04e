"""The handler: its reading of events, and the service through real runtime clients."""
