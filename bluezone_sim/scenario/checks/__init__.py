"""What no single table of a scenario can tell to be wrong."""
