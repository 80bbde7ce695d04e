"""Retrain from the event lake: contracts on the data, training, and the gate that judges the new version."""
