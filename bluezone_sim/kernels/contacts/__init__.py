"""Who meets whom, compiled."""
