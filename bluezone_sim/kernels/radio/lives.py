"""When phones change their identifiers.

Most systems change them at times that everybody shares. Where an identifier stays until the phone takes
another address, changes are the phone's own: number k comes k mean lives after the phone's phase, plus a
uniform. Lives then lie between the mean less the uniform's width and the mean plus it, in a triangle, and
which identifier is on the air is a function of the time, with no walk from a beginning.
"""

from __future__ import annotations

import numpy as np

from ..decorators import compiled, inlined
from ..rng import draw, to_unit


@inlined
def _change_ms(app, streams, person, k):
    own = draw(streams.identifier_life, person)
    late = np.int64(to_unit(draw(own, k)) * app.life_jitter_ms)
    return np.int64(to_unit(own) * app.identifier_ms) + k * app.identifier_ms + late


@inlined
def _life(app, streams, person, time_ms):
    """Number of the change after which a time falls."""
    phase = np.int64(to_unit(draw(streams.identifier_life, person)) * app.identifier_ms)
    k = (time_ms - phase) // app.identifier_ms
    return k - 1 if _change_ms(app, streams, person, k) > time_ms else k


@compiled
def life_ends_ms(app, streams, person, time_ms):
    """When the identifier that a person's phone sends at a time goes off the air, unix ms."""
    return _change_ms(app, streams, person, _life(app, streams, person, time_ms) + 1)


@compiled
def lives_began_ms(app, streams, person, time_ms, out):
    """When the identifiers that phones send at some times went on the air, unix ms, into ``out``."""
    for i in range(len(out)):
        k = _life(app, streams, person[i], time_ms[i])
        out[i] = _change_ms(app, streams, person[i], k)
