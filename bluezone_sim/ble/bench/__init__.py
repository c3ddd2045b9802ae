"""The QA desk: its file, and pytest's fixtures for it."""
