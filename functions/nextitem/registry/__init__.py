"""Model versions and routes in the bucket: reading, loading, publishing."""
