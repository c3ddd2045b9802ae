"""Published models of contact tracing, and their answers beside ours."""
