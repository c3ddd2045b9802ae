"""Published keys and sightings to matches, exposure and warnings."""
