"""Published keys and sightings to matches, exposure and warnings."""

from .engine import match
from .index import SightingIndex, index_sightings

__all__ = ["SightingIndex", "index_sightings", "match"]
