"""Published keys and sightings to matches, exposure and warnings."""

from .index import SightingIndex, index_sightings
from .match import match
from .published import PublishedIndex, index_published

__all__ = ["PublishedIndex", "SightingIndex", "index_published", "index_sightings", "match"]
