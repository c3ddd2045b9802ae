"""Hashes and ciphers, compiled."""
