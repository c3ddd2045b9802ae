"""Contacts beside a diary survey."""
