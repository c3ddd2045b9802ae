"""Contacts to sightings: path loss, duty cycles, operating systems."""

from .model import RadioModel, radio_model
from .records import record
from .rows import expand_rows

__all__ = ["RadioModel", "expand_rows", "radio_model", "record"]
