"""A model version on disk, and the engine that steps and ranks with it."""
