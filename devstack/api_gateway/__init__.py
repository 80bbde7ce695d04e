"""API Gateway's HTTP API in front of a function."""
