"""Deploy template.yaml: one call of the real API for each resource, into moto where it knows the call.

`stacks.deploy`, `stacks.update` and `stacks.delete` are CloudFormation's part. Each type of resource has a
`ResourceType` in the module of its service; `types.TYPES` has them all. A type, a property or a value that the API does
not know is refused by name.
"""
