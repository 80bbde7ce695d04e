"""Connections to Redis or Valkey servers, each step within a deadline."""
