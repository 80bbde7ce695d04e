"""`devstack top`: live metrics of a running stack."""
