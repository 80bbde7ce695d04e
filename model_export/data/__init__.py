"""Events and sessions: files, splits, preparation."""
