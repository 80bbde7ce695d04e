"""API Gateway's HTTP API on loopback."""
