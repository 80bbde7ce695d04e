"""Tests of the operations functions: the pre-traffic check and the rotation of the key secret."""
