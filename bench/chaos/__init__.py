"""Faults injected into real deployments of the session store under traffic: `python -m bench.chaos`.

`catalogue` lists the faults, `targets` starts the deployments. `traffic` records its calls in a `journal`, `oracle`
compares the journal with the store, `experiment` runs one fault, `suite` runs them all, `report` shows the results.
"""
