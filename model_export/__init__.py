"""Offline: from event files to a certified model version in the registry.

Rooms of the data: `columns` and `eventfile` (files in and out), `sessions` (what every other room
computes on), `split` (train and test by time), `protocol` (how rankings are judged) and
`baselines`. This package may import `nextitem`; nothing that serves requests imports this package.
"""
