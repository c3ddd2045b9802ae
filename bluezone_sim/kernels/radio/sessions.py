"""When an iPhone's app is in front: sessions, at most one a local day, of a phone of its owner's kind.

Some owners never open the app again after its installation. Who does opens it on a day or not, at an
instant that is uniform over 24 hours from local midnight, for a log-normal time; a few leave it in front
then for as long as the share of the time asks. A session that would last past the 24 hours goes on at
their beginning, so that every hour has the same share of them; of a local day of 25 hours the last one
is as its first. So a phone's state at any instant is a pure function of the seed, the person and the day.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..decorators import compiled, inlined
from ..rng import draw, mix64, to_unit
from .link_budget import BACKGROUND, FOREGROUND, Streams

DAY_MS = 86_400_000
#: Lengths of sessions that are told apart, equally frequent.
LENGTHS = 4096


class Sessions(NamedTuple):
    """How often and for how long apps are in front.

    Attributes:
        never: share of iPhone owners who never open the app.
        leavers: share of them who leave it in front.
        opens: chance that one of the others, or of these, opens it on a day.
        left_ms: for how long it is left in front.
        length_ms: ``int32[4096]``, ascending, lengths of the sessions of the others, each as frequent.
        rest_ms: ``int32[2]`` by platform, for how much of a day without a session the phone behaves as in
            front: all of it where its states do not differ, else none.
    """

    never: float
    leavers: float
    opens: float
    left_ms: int
    length_ms: NDArray[np.int32]
    rest_ms: NDArray[np.int32]


@inlined
def in_front(sessions, streams, platform, person, midnight_s):
    """(start, length) of the time that the app is in front on a local day, ms from its midnight on."""
    rest = np.int64(sessions.rest_ms[platform])
    if platform == 0 or rest > 0:
        return np.int64(0), rest
    own = draw(streams.foreground, person)
    kind = to_unit(own)
    today = draw(own, midnight_s)
    if kind < sessions.never or to_unit(today) >= sessions.opens:
        return np.int64(0), np.int64(0)
    h = mix64(today)
    start = np.int64(to_unit(h) * DAY_MS)
    if kind >= 1.0 - sessions.leavers:
        return start, np.int64(sessions.left_ms)
    return start, np.int64(sessions.length_ms[h & np.uint64(LENGTHS - 1)])


@compiled
def state_at(sessions, streams, platform, person, midnight_s, time_ms):
    """State of a person's app at an instant of the local day that began at ``midnight_s``."""
    start, length = in_front(sessions, streams, platform, person, midnight_s)
    since = (time_ms - midnight_s * 1000 - start) % DAY_MS
    return FOREGROUND if since < length else BACKGROUND


@compiled
def _fronts(sessions, streams, ios, person, midnight_s, start, length):
    for i in range(len(person)):
        start[i], length[i] = in_front(
            sessions, streams, np.int64(ios[person[i]]), person[i], midnight_s[i]
        )


def sessions_of(
    sessions: Sessions,
    streams: Streams,
    ios: NDArray[np.bool_],
    person: NDArray[np.integer],
    midnight_s: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """``int64[n]``, twice: when in a local day an app comes to the front, ms after midnight, and for how
    long it stays, 0 for not at all.

    Args:
        sessions: how often and how long.
        streams: of the seed.
        ios: ``bool[people]``, who has an iPhone.
        person: ``int[n]``.
        midnight_s: ``int64[n]``, begins of local days, unix seconds.
    """
    start, length = (np.zeros(len(person), np.int64) for _ in range(2))
    _fronts(sessions, streams, ios, person, midnight_s, start, length)
    return start, length
