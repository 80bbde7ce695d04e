"""Tests of the ingestion of events."""
