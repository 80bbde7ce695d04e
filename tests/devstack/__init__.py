"""Tests of devstack with real processes and ports; a gate holds handlers where a test needs an order."""
