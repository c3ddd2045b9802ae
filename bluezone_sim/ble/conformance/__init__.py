"""Whether a phone does what its protocol says: measurements, limits, a verdict."""
