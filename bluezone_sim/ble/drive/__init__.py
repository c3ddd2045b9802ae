"""Simulated encounters played to a phone under test, and what it made of them."""
