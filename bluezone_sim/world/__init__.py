"""People, households, districts, phones and who meets whom."""

from .contacts import ContactModel, contact_model, contacts_of, crowds
from .days import Days
from .people import World, build_world
from .settings import SETTINGS
from .trace import Trace
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
