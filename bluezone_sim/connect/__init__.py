"""The town, its contacts and its warnings for other models of disease; Covasim in :mod:`.covasim`."""

from ..scenario.schema.epidemic import Arm
from .town import Town, Warned

__all__ = ["Arm", "Town", "Warned"]
