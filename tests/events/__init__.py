"""The payloads in events/, checked against what API Gateway sends."""
