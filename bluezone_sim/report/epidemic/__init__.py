"""An epidemic in a report: its answer, its tables, its figures."""
