"""A whole population's contacts of a day, group by group: what :mod:`.contacts` finds person by person.

Each person's attendance is drawn once a layer, only attendants are placed in the blocks of a day, and a
pair costs one draw where it does not meet. The contacts are the same to the last bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..decorators import bare, inlined
from ..rng import draw, to_unit
from .meetings import (
    PIECE_S,
    SUB_COPRESENT,
    MeetingPair,
    block_group,
    pair_keys,
    permute,
    segments,
    session_of,
    silence,
)


class Participants(NamedTuple):
    """Whose contacts are made: everybody's, or those of some people with each other.

    Attributes:
        group_start: ``int64[g + 1]``, where each lasting group's members start in ``members``.
        members: ``int32[m]``, ascending within a group.
        zone_start: ``int64[z + 1]``, where each district's people start in ``people``.
        people: ``int32[k]``, ascending.
    """

    group_start: NDArray[np.int64]
    members: NDArray[np.int32]
    zone_start: NDArray[np.int64]
    people: NDArray[np.int32]


class GroupRange(NamedTuple):
    """Some groups of a layer: lasting ones, or blocks of a district.

    Attributes:
        layer: index of the layer.
        zone: index of the district; -1 for lasting groups.
        first, last: numbers of the first group, and of the one after the last.
    """

    layer: int
    zone: int
    first: int
    last: int


class Blocks(NamedTuple):
    """Who sits in which block of a district on a day.

    Attributes:
        start: ``int64[blocks + 1]``, where each block's attendants start in ``seated``.
        seated: ``int32[people]``, attendants, ascending in each block.
        block: ``int32[people]``, room for the work.
    """

    start: NDArray[np.int64]
    seated: NDArray[np.int32]
    block: NDArray[np.int32]


class GroupScratch(NamedTuple):
    """What a group's attendants need, one element each: room for the largest group."""

    here: NDArray[np.int32]
    activity: NDArray[np.float64]
    household: NDArray[np.int32]
    contact: NDArray[np.uint64]
    code: NDArray[np.uint8]


@inlined
def _apart(layers, layer, i, n, keys, room):
    """Draws of attendant ``i`` with each later one where only those meet who talk: ``room.code``.

    Loops without a branch are vector code. ``keys`` are the attendant's own of ties and of meetings.
    """
    tie, own = layers.tie[layer], room.activity[i]
    first = i + 1
    if layer == 1:  # households meet in their own layer, and their members are side by side
        while first < n and room.household[first] == room.household[i]:
            first += 1
    for j in range(first, n):
        p_tie = tie if layer == 0 else tie * (own * room.activity[j])
        room.code[j] = np.uint8(to_unit(draw(keys[0], room.here[j])) < p_tie)
    return first


@inlined
def _together(layers, layer, i, n, keys, room):
    """The same in a room: ``room.contact``, and ``room.code`` 1 talks, 2 is there."""
    tie, meet, copresence = layers.tie[layer], layers.meet[layer], layers.copresence[layer]
    own = room.activity[i]
    for j in range(i + 1, n):
        room.contact[j] = draw(keys[1], room.here[j])
    for j in range(i + 1, n):
        talk = np.uint8(to_unit(draw(keys[0], room.here[j])) < tie * (own * room.activity[j]))
        room.code[j] = talk & np.uint8(to_unit(room.contact[j]) < meet)
    for j in range(i + 1, n):
        there = np.uint8(to_unit(draw(room.contact[j], SUB_COPRESENT)) < copresence)
        room.code[j] |= there << np.uint8(1)


@inlined
def _group(town, day, layer, group, n, room, rows, at):
    """Emits all pairs of the ``n`` attendants in ``room.here``, ascending, of one group."""
    people, layers = town.people, town.layers
    tie_key, meeting_key = pair_keys(town.keys, day, layer)
    session = session_of(town, day, layer, group)
    meet = layers.meet[layer]
    for i in range(n):
        room.activity[i] = people.activity[room.here[i]]
        room.household[i] = people.group_of[0, room.here[i]]
    for i in range(n - 1):
        a = np.int64(room.here[i])
        own = (draw(tie_key, a), draw(meeting_key, a))
        if session[1] > 0:
            _together(layers, layer, i, n, own, room)
            for j in range(i + 1, n):
                if room.code[j]:
                    b = np.int64(room.here[j])
                    meeting = MeetingPair(room.contact[j], group, layer, a, b)
                    if room.code[j] & np.uint8(1):
                        at = segments(layers, day, meeting, True, session, rows, at)
                    else:
                        at = silence(layers, day, meeting, session, rows, at)
        else:
            for j in range(_apart(layers, layer, i, n, own, room), n):
                if room.code[j]:
                    contact = draw(own[1], room.here[j])
                    if to_unit(contact) < meet:
                        meeting = MeetingPair(contact, group, layer, a, np.int64(room.here[j]))
                        at = segments(layers, day, meeting, True, session, rows, at)
    return at


@inlined
def most_rows(layers, layer, members):
    """Most segments that a group of so many members can have."""
    pieces = (layers.window_s[layer, 1] - layers.window_s[layer, 0]) // PIECE_S + 3
    return members * (members - 1) // 2 * pieces


@bare
def lasting_groups(town, day, span, who, room, rows):
    """Contacts of lasting groups.

    Stops when the buffers might not hold another group. Returns (rows filled, next group).
    """
    at, layer = np.int64(0), span.layer
    key = draw(draw(town.keys.attendance, layer), day.number)
    attendance = town.layers.attendance[layer]
    group = span.first
    while group < span.last:
        begin, end = who.group_start[group], who.group_start[group + 1]
        if at + most_rows(town.layers, layer, end - begin) > len(rows.a):
            break
        n = 0
        for m in range(begin, end):
            person = who.members[m]
            if attendance >= 1.0 or to_unit(draw(key, person)) < attendance:
                room.here[n] = person
                n += 1
        if n > 1:
            at = _group(town, day, layer, group, n, room, rows, at)
        group += 1
    return at, group


@bare
def fill_blocks(town, day, layer, zone, who, seats):
    """Places a district's attendants in its blocks of a day, in ``seats``; returns how many blocks."""
    people, start = town.people, seats.start
    zone_from = people.zone_start[zone]
    n = people.zone_start[zone + 1] - zone_from
    size = town.layers.group_size[layer]
    blocks = (n + size - 1) // size
    key = draw(draw(draw(town.keys.grouping, layer), day.number), zone)
    attendance_key = draw(draw(town.keys.attendance, layer), day.number)
    attendance = town.layers.attendance[layer]
    for k in range(blocks + 1):
        start[k] = 0
    first, last = who.zone_start[zone], who.zone_start[zone + 1]
    for k in range(first, last):
        person = who.people[k]
        seats.block[k - first] = -1
        if to_unit(draw(attendance_key, person)) < attendance:
            at = np.uint32(permute(key, person - zone_from, n)) // np.uint32(size)
            seats.block[k - first] = at
            start[at + 1] += 1
    for k in range(blocks):
        start[k + 1] += start[k]
    # Each block's start moves to its end while it is filled, then all move back.
    for k in range(first, last):
        at = seats.block[k - first]
        if at >= 0:
            seats.seated[start[at]] = who.people[k]
            start[at] += 1
    for k in range(blocks, 0, -1):
        start[k] = start[k - 1]
    start[0] = 0
    return blocks


@bare
def day_groups(town, day, span, seats, room, rows):
    """Contacts of blocks of a district, seated by :func:`fill_blocks`.

    Stops when the buffers might not hold another block. Returns (rows filled, next block).
    """
    at, layer = np.int64(0), span.layer
    zone_from, size = town.people.zone_start[span.zone], town.layers.group_size[layer]
    k = span.first
    while k < span.last:
        begin, n = seats.start[k], seats.start[k + 1] - seats.start[k]
        if at + most_rows(town.layers, layer, n) > len(rows.a):
            break
        for i in range(n):
            room.here[i] = seats.seated[begin + i]
        if n > 1:
            group = block_group(town.people, layer, zone_from, k * size)
            at = _group(town, day, layer, group, n, room, rows, at)
        k += 1
    return at, k
