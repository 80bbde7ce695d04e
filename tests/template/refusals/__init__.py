"""Property values that AWS refuses although linters accept them, each with the document that says so.

A linter sees parameters and references instead of values, and its schemas know little about values that exclude each
other. AWS finds these faults in the middle of a deployment, and rolls it back.
"""
