"""Published keys and sightings to matches, exposure and warnings."""

from .engine import match

__all__ = ["match"]
