"""People, households, districts, phones and who meets whom."""

from ..tables.days import Days
from ..tables.settings import SETTINGS
from ..tables.trace import Trace
from .contacts import ContactModel, contact_model, contacts_of, crowds
from .people import World, build_world
from .whole import whole_day

__all__ = [
    "SETTINGS",
    "ContactModel",
    "Days",
    "Trace",
    "World",
    "build_world",
    "contact_model",
    "contacts_of",
    "crowds",
    "whole_day",
]
