"""What template.yaml deploys and what `make build` builds, checked without an AWS account."""
