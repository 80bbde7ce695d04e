"""AWS: credentials, signatures, object storage, SnapStart."""
