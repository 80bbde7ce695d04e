"""Servers that the function uses: Valkey, S3, Secrets Manager."""
