"""Versions that outputs carry."""

__version__ = "0.1.0"

#: Version of the layout of every table and document that the package writes.
SCHEMA_VERSION = 1

#: Version of the numbers: raised whenever the same scenario and seed give other numbers.
NUMERIC_VERSION = 5
