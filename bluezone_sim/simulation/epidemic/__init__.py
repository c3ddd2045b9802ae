"""An epidemic in a simulated town: what the warnings of real phones change, arm by arm."""
