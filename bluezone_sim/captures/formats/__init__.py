"""File formats of captures, each read and written in one place."""
