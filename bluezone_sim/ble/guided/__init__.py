"""Measurements that a person with phones is guided through."""
