"""Small examples to try commands on: what a phone heard, keys, and what is found."""
