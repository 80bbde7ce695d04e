"""Tests of the clients, against a real devstack and servers that fail by a script."""
