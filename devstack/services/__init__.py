"""Servers that the function uses: Valkey, S3, Secrets Manager, and TLS in front of Valkey."""
