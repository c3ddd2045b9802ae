"""Captures and measurements: what real phones heard, read from files into the tables of the simulation.

An edge room: it touches files. Nothing heavy is imported before it is needed.
"""
