"""Scanning: reports to packets, GATT reads, recordings, live tables."""
