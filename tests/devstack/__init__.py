"""Tests of devstack: real processes, real ports, handlers that the tests hold at a gate."""
