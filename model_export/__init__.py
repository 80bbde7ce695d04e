"""Offline part: from event files to a verified model version in the registry."""
