"""Adapters of this machine, and the bus that they are reached by."""
