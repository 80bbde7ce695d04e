"""Tests of the handler: reading Lambda events, and the service in real runtime clients."""
