"""The functions beside the service: the check before traffic, and the rotation of the key secret."""
