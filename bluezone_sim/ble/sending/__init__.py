"""Advertising: phones of a protocol on real or virtual transmitters."""
