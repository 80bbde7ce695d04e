"""Drift: live events of the lake against the training profile of the model that answers, and against last week."""
