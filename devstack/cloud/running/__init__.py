"""Lambda functions of a local cloud: versions and aliases run in real workers, as their template configures them."""
