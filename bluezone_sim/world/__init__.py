"""People, households, districts, phones and who meets whom."""

from ..tables.days import Days
from ..tables.settings import SETTINGS
from ..tables.trace import Trace
from .contact_model import ContactModel
from .contacts import contact_model
from .people import build_world
from .world import World

__all__ = [
    "SETTINGS",
    "ContactModel",
    "Days",
    "Trace",
    "World",
    "build_world",
    "contact_model",
]
