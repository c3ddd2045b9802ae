"""The town, its contacts and its warnings for other models of disease; Covasim in :mod:`.covasim`."""

from .town import Town, Warned

__all__ = ["Town", "Warned"]
