"""Published models of contact tracing, as pure functions of their parameters."""
