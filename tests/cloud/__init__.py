"""The whole stack in the local cloud: one story for each cold-start strategy and store, and mutants of the template."""
