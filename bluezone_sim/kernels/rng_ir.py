"""Draws on lanes, the same as those of :mod:`.rng`."""

from __future__ import annotations

from .lanes import Lanes
from .rng import GOLDEN

_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


def mixed(x: Lanes) -> Lanes:
    """``rng.mix64``."""
    x = x + GOLDEN
    for shift, factor in _MIX:
        x = (x ^ (x >> shift)) * factor
    return x ^ (x >> 31)


def draw(stream: Lanes, who: Lanes) -> Lanes:
    """``rng.draw``."""
    return mixed(stream + who * GOLDEN)


def unit(h: Lanes) -> Lanes:
    """``rng.to_unit``."""
    return (h >> 11).unsigned_doubles() * 2.0**-53
