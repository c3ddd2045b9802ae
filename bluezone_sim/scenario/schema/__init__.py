"""A scenario's tables."""
