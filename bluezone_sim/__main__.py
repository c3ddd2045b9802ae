"""``python -m bluezone_sim``."""

from .cli import entry

entry()
