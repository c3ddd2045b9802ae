"""People, households, districts, phones and who meets whom."""

from .contacts import SETTINGS, ContactModel, Days, contact_model, contacts_of, crowds
from .people import World, build_world

__all__ = [
    "SETTINGS",
    "ContactModel",
    "Days",
    "World",
    "build_world",
    "contact_model",
    "contacts_of",
    "crowds",
]
