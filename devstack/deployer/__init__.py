"""The IAM policy of a deployer, generated from the resource types of the templates."""
