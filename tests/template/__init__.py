"""template.yaml and what `make build` builds, checked without an AWS account."""
