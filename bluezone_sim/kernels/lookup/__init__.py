"""Looking identifiers up, compiled."""
