"""Identity and access management of a local cloud: policies, roles with their credentials, and request signatures."""
