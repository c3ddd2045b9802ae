"""Published keys and sightings to matches, exposure and warnings."""

from .engine import match
from .index import SightingIndex, index_sightings
from .published import PublishedIndex, index_published

__all__ = ["PublishedIndex", "SightingIndex", "index_published", "index_sightings", "match"]
