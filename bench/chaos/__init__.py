"""Chaos: real deployments of the session store are broken under traffic, and an oracle looks for what that did.

`python -m bench.chaos`. `faults` breaks a `scene`, `traffic` keeps a `journal` of what its clients sent and heard,
`oracle` compares that with what the store has, `run` leads through one fault, `report` shows the rows.
"""
