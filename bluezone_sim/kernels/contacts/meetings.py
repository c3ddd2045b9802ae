"""Hot loop of contacts: who meets whom on a day, as a keyed function of the pair.

Nothing is stored: whether two people meet, when, for how long and how far apart is a function of
(seed, layer, day, pair). Either end finds a contact by walking its own groups, so enumeration costs
O(degree). Groups of a day (transport, leisure, other) are blocks of a keyed permutation of a district:
a Feistel network on mixed radices (Black and Rogaway 2002, method 2) that walks cycles down to the
district's size, with its inverse to list the block's members.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..decorators import bare, compiled, inlined
from ..rng import draw, to_unit

N_STATIC = 4
N_LAYERS = 7
#: Near distance is drawn anew each hour of a contact (assumed).
PIECE_S = 3600
ROUNDS = 4

# Coordinates of the draws that hang on one contact id.
SUB_COPRESENT, _SUB_DURATION, _SUB_START, _SUB_FAR, _SUB_NEAR = 1, 2, 3, 4, 16


class PeopleArrays(NamedTuple):
    """What the loop reads of the population; shapes as in :class:`bluezone_sim.world.World`."""

    group_of: NDArray[np.int32]
    group_start: NDArray[np.int64]
    members: NDArray[np.int32]
    zone: NDArray[np.int16]
    zone_start: NDArray[np.int64]
    activity: NDArray[np.float64]


class LayerArrays(NamedTuple):
    """What the loop reads of the layers; one row each, in the order of ``world.SETTINGS``."""

    tie: NDArray[np.float64]
    meet: NDArray[np.float64]
    attendance: NDArray[np.float64]
    copresence: NDArray[np.float64]
    open_days: NDArray[np.int64]
    group_size: NDArray[np.int64]
    window_s: NDArray[np.int64]  # [layers, 2]
    session_s: NDArray[np.int64]  # [layers, 2]; 0, 0 where there is no room
    duration_s: NDArray[np.int32]  # [layers, 256] quantile table
    near_m: NDArray[np.float32]  # [layers, 1024] quantile table
    far_m: NDArray[np.float64]  # [layers, 2]


class Keys(NamedTuple):
    """Stream keys, each of the purpose of its name."""

    grouping: np.uint64
    attendance: np.uint64
    session: np.uint64
    tie: np.uint64
    meeting: np.uint64


class ContactInputs(NamedTuple):
    """What contacts are a function of, but for the day."""

    people: PeopleArrays
    layers: LayerArrays
    keys: Keys


class Day(NamedTuple):
    """A local day: its number since 1970-01-01, its midnight, its weekday (Monday 0)."""

    number: int
    start_s: int
    weekday: int


class MeetingPair(NamedTuple):
    """Two attendants of a group, and the draw that names their contact."""

    contact: np.uint64
    group: int
    layer: int
    a: int
    b: int


class ContactBuffers(NamedTuple):
    """Output buffers, the columns of :class:`bluezone_sim.tables.rows.Contacts`."""

    contact: NDArray[np.uint64]
    group: NDArray[np.int64]
    a: NDArray[np.int32]
    b: NDArray[np.int32]
    start_s: NDArray[np.int64]
    duration_s: NDArray[np.int32]
    distance_m: NDArray[np.float32]
    setting: NDArray[np.uint8]


@inlined
def radices(n):
    """Mixed radices a, b with a * b >= n and as little above it as can be."""
    a = np.int64(np.ceil(np.sqrt(np.float64(n))))
    return a, (n + a - 1) // a


@inlined
def _round(key, r, x, m):
    h = draw(key, (np.int64(r) << np.int64(48)) + x)
    return np.int64(((h >> np.uint64(32)) * np.uint64(m)) >> np.uint64(32))


@inlined
def permute(key, x, n):
    """Keyed permutation of 0 .. n - 1."""
    a, b = radices(n)
    while True:
        left, right = x // b, x % b
        for r in range(0, ROUNDS, 2):
            left += _round(key, r, right, a)  # below 2 a: one subtraction is the modulo
            left -= a if left >= a else 0
            right += _round(key, r + 1, left, b)
            right -= b if right >= b else 0
        x = left * b + right
        if x < n:
            return x


@inlined
def unpermute(key, x, n):
    """Inverse of :func:`permute`."""
    a, b = radices(n)
    while True:
        left, right = x // b, x % b
        for r in range(ROUNDS - 2, -1, -2):
            right -= _round(key, r + 1, left, b)
            right += b if right < 0 else 0
            left -= _round(key, r, right, a)
            left += a if left < 0 else 0
        x = left * b + right
        if x < n:
            return x


@inlined
def pair_draw(key, i, j):
    """Draw of an unordered pair."""
    return draw(draw(key, min(i, j)), max(i, j))


@inlined
def _attends(town, day, layer, person):
    h = draw(draw(draw(town.keys.attendance, layer), day.number), person)
    return to_unit(h) < town.layers.attendance[layer]


@inlined
def _emit(rows, at, meeting, start_s, duration_s, distance_m):
    row = np.uint64(at)  # an unsigned index is not tested for being negative
    rows.contact[row] = meeting.contact
    rows.group[row] = meeting.group
    rows.a[row] = meeting.a
    rows.b[row] = meeting.b
    rows.start_s[row] = start_s
    rows.duration_s[row] = duration_s
    rows.distance_m[row] = distance_m
    rows.setting[row] = meeting.layer
    return at + 1


@inlined
def pair_keys(keys, day, layer):
    """Keys of ties and of meetings of a layer's pairs on a day."""
    tie = draw(keys.tie, layer)
    if layer >= N_STATIC:  # groups of a day have ties of a day
        tie = draw(tie, day.number)
    return tie, draw(draw(keys.meeting, layer), day.number)


@inlined
def session_of(town, day, layer, group):
    """Second of the day at which a group's session begins, and its length; 0 where it has no room."""
    layers = town.layers
    open_s, low = layers.window_s[layer, 0], layers.session_s[layer, 0]
    high = layers.session_s[layer, 1]
    if high <= 0:
        return open_s, np.int64(0)
    h = draw(draw(draw(town.keys.session, layer), day.number), group)
    length = low + np.int64(to_unit(h) * (high - low))
    free = layers.window_s[layer, 1] - open_s - length
    return open_s + np.int64(to_unit(draw(h, 1)) * free), length


@inlined
def _meets(town, meeting, tie):
    """Whether two people talk, and whether they are in one room at all. ``tie`` is the pair's draw."""
    layers, layer, contact = town.layers, meeting.layer, meeting.contact
    p_tie = layers.tie[layer]
    if layer > 0:  # a household talks whoever is in it
        p_tie *= town.people.activity[meeting.a] * town.people.activity[meeting.b]
    talk = to_unit(contact) < layers.meet[layer] and to_unit(tie) < p_tie
    room = layers.session_s[layer, 1] > 0
    return talk, talk or (room and to_unit(draw(contact, SUB_COPRESENT)) < layers.copresence[layer])


@inlined
def _far_m(layers, meeting):
    """Distance of two people who are in one room and do not talk."""
    low = layers.far_m[meeting.layer, 0]
    span = layers.far_m[meeting.layer, 1] - low
    return np.float32(low + to_unit(draw(meeting.contact, _SUB_FAR)) * span)


@inlined
def silence(layers, day, meeting, session, rows, at):
    """:func:`segments` of two people who do not talk: one, as long as the session."""
    return _emit(rows, at, meeting, day.start_s + session[0], session[1], _far_m(layers, meeting))


@inlined
def segments(layers, day, meeting, talk, session, rows, at):
    """Emits the segments of two people who meet; returns the next free row.

    ``session`` is of :func:`session_of`.
    """
    layer, contact = meeting.layer, meeting.contact
    begin, length = session
    open_s, close_s = layers.window_s[layer, 0], layers.window_s[layer, 1]
    near, near_from = np.int64(0), begin
    if talk:
        near = np.int64(
            layers.duration_s[layer, np.int64(draw(contact, _SUB_DURATION) >> np.uint64(56))]
        )
        near = min(near, close_s - open_s)
        u = to_unit(draw(contact, _SUB_START))
        if length == 0:
            near_from = open_s + np.int64(u * (close_s - open_s - near))
        elif near < length:
            near_from = begin + np.int64(u * (length - near))
        else:
            near_from = max(open_s, min(begin, close_s - near))
    if near < length:
        far = _far_m(layers, meeting)
        if near_from > begin:
            at = _emit(rows, at, meeting, day.start_s + begin, near_from - begin, far)
        end = near_from + near
        if begin + length > end:
            at = _emit(rows, at, meeting, day.start_s + end, begin + length - end, far)
    piece = 0
    while near > 0:
        step = min(near, PIECE_S)
        h = draw(contact, _SUB_NEAR + piece)
        distance = layers.near_m[layer, np.int64(h >> np.uint64(54))]
        at = _emit(rows, at, meeting, day.start_s + near_from, step, distance)
        near_from += step
        near -= step
        piece += 1
    return at


@bare
def _pair(town, day, layer, group, a, b, rows, at):
    """Emits the segments of two attendants of one group; returns the next free row."""
    tie_key, meeting_key = pair_keys(town.keys, day, layer)
    meeting = MeetingPair(pair_draw(meeting_key, a, b), group, layer, a, b)
    talk, met = _meets(town, meeting, pair_draw(tie_key, a, b))
    if not met:
        return at
    session = session_of(town, day, layer, group)
    return segments(town.layers, day, meeting, talk, session, rows, at)


@inlined
def block_group(people, layer, zone_from, seat):
    """Number of a group of a day: after the lasting groups, by the block's first seat."""
    return (
        np.int64(len(people.group_start))
        + (layer - N_STATIC) * people.zone_start[-1]
        + zone_from
        + seat
    )


@bare
def _person_day(town, day, person, ordered, rows, at):
    """Emits one person's contacts of a day; with ``ordered`` only those whose other end is higher."""
    people, layers = town.people, town.layers
    me = np.int64(person)
    for layer in range(N_LAYERS):
        if day.weekday >= layers.open_days[layer]:
            continue
        if not _attends(town, day, layer, person):
            continue
        if layer < N_STATIC:
            group = np.int64(people.group_of[layer, person])
            if group < 0:
                continue
            for m in range(people.group_start[group], people.group_start[group + 1]):
                other = people.members[m]
                if other == person or (ordered and other < person):
                    continue
                if layer == 1 and people.group_of[0, other] == people.group_of[0, person]:
                    continue  # households meet in their own layer
                if _attends(town, day, layer, other):
                    at = _pair(town, day, layer, group, me, np.int64(other), rows, at)
        else:
            zone = np.int64(people.zone[person])
            zone_from = people.zone_start[zone]
            n = people.zone_start[zone + 1] - zone_from
            size = layers.group_size[layer]
            key = draw(draw(draw(town.keys.grouping, layer), day.number), zone)
            block = permute(key, person - zone_from, n) // size
            group = block_group(people, layer, zone_from, block * size)
            for seat in range(block * size, min((block + 1) * size, n)):
                other = zone_from + unpermute(key, seat, n)
                if other == person or (ordered and other < person):
                    continue
                if _attends(town, day, layer, other):
                    at = _pair(town, day, layer, group, me, np.int64(other), rows, at)
    return at


@bare
def enumerate_contacts(town, days, persons, ordered, rows, first):
    """Contacts of ``persons`` on ``days`` (``int64[d, 3]``: number, start, weekday).

    Works through person-days in order (persons slowest) from number ``first`` on and stops when the
    buffers might not hold another. Returns (rows filled, next person-day).
    """
    layers, widest = town.layers, np.int64(0)
    for layer in range(N_LAYERS):
        pieces = (layers.window_s[layer, 1] - layers.window_s[layer, 0]) // PIECE_S + 3
        widest += layers.group_size[layer] * pieces
    at = np.int64(0)
    n_days = days.shape[0]
    k = first
    while k < len(persons) * n_days and at + widest <= len(rows.a):
        d = k % n_days
        day = Day(days[d, 0], days[d, 1], days[d, 2])
        at = _person_day(town, day, persons[k // n_days], ordered, rows, at)
        k += 1
    return at, k


@compiled
def permute_many(key, x, n):
    """:func:`permute` of every element of ``x``."""
    out = np.empty(len(x), np.int64)
    for i in range(len(x)):
        out[i] = permute(key, x[i], n)
    return out


@compiled
def count_with_app(town, day, layer, group, rank, level):
    """Attendants of one group who run the app at ``level``."""
    people = town.people
    count = 0
    if layer < N_STATIC:
        for m in range(people.group_start[group], people.group_start[group + 1]):
            person = people.members[m]
            if rank[person] < level and _attends(town, day, layer, person):
                count += 1
        return count
    # Undo block_group.
    seat = group - len(people.group_start) - (layer - N_STATIC) * people.zone_start[-1]
    zone = np.searchsorted(people.zone_start, seat, side="right") - 1
    zone_from = people.zone_start[zone]
    n = people.zone_start[zone + 1] - zone_from
    key = draw(draw(draw(town.keys.grouping, layer), day.number), zone)
    first = seat - zone_from
    for s in range(first, min(first + town.layers.group_size[layer], n)):
        person = zone_from + unpermute(key, s, n)
        if rank[person] < level and _attends(town, day, layer, person):
            count += 1
    return count


@compiled
def count_rooms(town, days, rooms, rank, level):
    """:func:`count_with_app` of ``rooms`` ``int64[n, 3]``: layer, group, index of the day."""
    out = np.empty(len(rooms), np.int64)
    for i in range(len(rooms)):
        d = rooms[i, 2]
        day = Day(days[d, 0], days[d, 1], days[d, 2])
        out[i] = count_with_app(town, day, rooms[i, 0], rooms[i, 1], rank, level)
    return out
