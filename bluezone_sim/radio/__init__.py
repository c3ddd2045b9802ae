"""Contacts to sightings: path loss, duty cycles, operating systems."""

from .app_rows import expand_rows
from .parameters import RadioModel, radio_model
from .records import record

__all__ = ["RadioModel", "expand_rows", "radio_model", "record"]
