"""BlueTrace (Singapore)."""
