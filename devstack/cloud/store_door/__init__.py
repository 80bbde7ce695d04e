"""The door before the session store: TLS, ElastiCache's IAM tokens, and ACL users made of the template's resources.

A real Valkey behind it answers: `StoreDoor` replaces a valid token by an ACL user's password, and forwards the rest.
"""
