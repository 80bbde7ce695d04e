"""Recommendations for all sessions of event files, through the engine that serves."""
