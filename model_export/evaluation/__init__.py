"""Evaluation of an artifact beside the baselines."""
