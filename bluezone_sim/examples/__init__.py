"""Small examples to try commands on: what a phone heard and keys, a contact trace, a table of phones."""
