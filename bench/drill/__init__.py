"""The story of the learning loop on one machine: `make drill`.

`shops` makes the shop before and after its change, `traffic` sends its visitors, `versions` makes the models of the
story. `operations` runs what AWS runs on schedules: collector, drift, retraining, looks. `acts` plays, `report` writes.
Nothing here decides: every decision is one of `model_export`, and the audit log has it.
"""
