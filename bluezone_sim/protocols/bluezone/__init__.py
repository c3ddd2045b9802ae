"""Bluezone (Bkav, Vietnam), both generations."""
