"""Run directories, written whole and read back."""
