"""JSON Schemas of what the commands print with ``--json``; a version with each."""
