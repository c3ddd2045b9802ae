"""Contacts to sightings: path loss, duty cycles, operating systems."""

from .model import RadioModel, radio_model
from .records import record

__all__ = ["RadioModel", "radio_model", "record"]
