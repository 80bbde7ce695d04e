"""Which dashboards exist."""
