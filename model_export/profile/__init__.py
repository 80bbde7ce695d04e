"""The training profile of an artifact: how its training events were distributed. Drift is measured from it."""
