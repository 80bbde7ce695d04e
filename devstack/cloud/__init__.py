"""A local cloud: the resources of template.yaml, with its own network, behind doors that enforce its policies.

Everything that is enforced derives from the resolved properties of the template's resources (`resources.Deployment`).
"""
