"""TCN (TCN Coalition)."""
