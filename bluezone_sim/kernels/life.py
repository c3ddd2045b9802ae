"""When phones take part: Bluetooth off, the app killed, the battery saved, hour by hour; and nights.

A phone's time is cut into blocks of equal length, by cause, from a phase of its own on; in each it is in
such a spell or not by a draw of its own. So every hour of any day is a pure function of the seed, with no
walk from a beginning; the share of the time is the same in all hours; and spells last a block over (1 -
share) on average. Blocks begin with whole local hours, of which a day has 24: bit h of a mask is hour h,
and a day of 25 (summer time ends) has two hours 23.

What sends is heard where the bits of the sender's ``sends`` and the listener's ``hears`` meet.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

from .air import Phones, Streams
from .rng import draw, to_unit

HOURS = 24
HOUR_S = 3600
HOUR_MS = 3_600_000
#: A day in which every hour counts.
ALL_HOURS = (1 << HOURS) - 1
#: Causes, rows of the arrays of :class:`Life`.
OFF, KILLED, SAVER = range(3)


class Life(NamedTuple):
    """How often and for how long phones do not take part.

    Attributes:
        share: ``float64[3, 2]``, of the time, by cause and platform.
        block_h: ``float64[3, 2]``, length of the blocks, at least an hour.
        night_share: of the phones, off every night.
        night: bits of the night's hours.
    """

    share: NDArray[np.float64]
    block_h: NDArray[np.float64]
    night_share: float
    night: int

    @property
    def always_on(self) -> bool:
        """No phone ever pauses."""
        return not (self.share.any() or self.night_share)


@nb.njit(nogil=True, cache=True)
def _spell_hours(stream, person, share, block_h, day):
    """Bits of the hours of a local day that lie in a spell of one cause.

    An hour belongs to the first block that ends after it; block b ends before hour ceil((b + 1 - phase) *
    length) since 1970.
    """
    out = np.int64(0)
    if share <= 0.0:
        return out
    own = draw(stream, person)
    phase = to_unit(own)
    first = day * HOURS
    hour = first
    block = np.int64(math.floor(first / block_h + phase)) - 1  # or the next one
    while hour < first + HOURS:
        ends = np.int64(math.ceil((block + 1 - phase) * block_h))
        if ends > hour:
            high = min(ends, first + HOURS)
            if to_unit(draw(own, block)) < share:
                out |= (np.int64(1) << (high - first)) - (np.int64(1) << (hour - first))
            hour = high
        block += 1
    return out


@nb.njit(nogil=True, cache=True)
def phone_hours(life, phones, streams, person, day):
    """(sends, hears): bits of the hours of a local day in which a phone does."""
    platform = np.int64(phones.ios[person])
    out = _spell_hours(
        streams.off, person, life.share[OFF, platform], life.block_h[OFF, platform], day
    ) | _spell_hours(
        streams.killed, person, life.share[KILLED, platform], life.block_h[KILLED, platform], day
    )
    if life.night_share > 0.0 and to_unit(draw(streams.night, person)) < life.night_share:
        out |= life.night
    sends = ALL_HOURS & ~out
    saves = _spell_hours(
        streams.saver, person, life.share[SAVER, platform], life.block_h[SAVER, platform], day
    )
    return sends, sends & ~saves


@nb.njit(nogil=True, cache=True)
def _link_hours(life, phones, streams, observer, emitter, day, out):
    for i in range(len(out)):
        hears = phone_hours(life, phones, streams, observer[i], day[i])[1]
        if hears:
            hears &= phone_hours(life, phones, streams, emitter[i], day[i])[0]
        out[i] = hears


def link_hours(
    life: Life,
    phones: Phones,
    streams: Streams,
    observer: NDArray[np.integer],
    emitter: NDArray[np.integer],
    day: NDArray[np.int64],
) -> NDArray[np.uint32]:
    """``uint32[n]``: bits of the hours of a local day in which one phone can hear another.

    Args:
        life: how often phones take part.
        phones: of all people.
        streams: of the seed.
        observer, emitter: ``int[n]``, people.
        day: ``int64[n]``, local days since 1970-01-01.
    """
    out = np.full(len(observer), ALL_HOURS, np.uint32)
    if not life.always_on:
        _link_hours(life, phones, streams, observer, emitter, day, out)
    return out


def hour_bits(first_s: NDArray[np.integer], last_s: NDArray[np.integer]) -> NDArray[np.uint32]:
    """``uint32[n]``: bits of the hours of a day from one second of it to another, both included."""
    first, last = (
        np.minimum(np.asarray(s) // HOUR_S, HOURS - 1).astype(np.int64) for s in (first_s, last_s)
    )
    return np.asarray(((1 << (last + 1)) - (1 << first)).astype(np.uint32))
