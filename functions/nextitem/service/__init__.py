"""Requests to answers: schema, routing, ranking."""
