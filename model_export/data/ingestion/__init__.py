"""Preparation: raw events, as much as there are, into training and test events that one machine can learn from.

Written once, over Ibis (`checking`, `times`, `cutting`); an `Engine` runs it: DuckDB on one machine, Spark on many.
Both give the same files. Knows nothing of models and metrics. `config` alone of these rooms does without Ibis.
"""
