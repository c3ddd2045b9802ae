"""Naive twins: the same as the package's fast code, in plain Python, for equality tests."""
