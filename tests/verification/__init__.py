"""Whole runs against their twins, both radio engines against each other, and kept numbers."""
