"""A whole population's contacts of a day, group by group: what :mod:`.contacts` finds person by person.

Each person's attendance is drawn once a layer, only attendants are placed in the blocks of a day, and a
pair costs one draw where it does not meet. The contacts are the same to the last bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .bare import bare, inlined
from .contacts import (
    PIECE_S,
    SUB_COPRESENT,
    block_group,
    pair_keys,
    permute,
    segments,
    session_of,
    silence,
)
from .rng import draw, to_unit


class Gathering(NamedTuple):
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


class Room(NamedTuple):
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
def _group(people, layers, keys, day, layer, group, n, room, rows, at):
    """Emits all pairs of the ``n`` attendants in ``room.here``, ascending, of one group."""
    tie_key, meeting_key = pair_keys(keys, layer, day)
    session = session_of(layers, keys, day, layer, group)
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
                    place = (layer, a, np.int64(room.here[j]))
                    contact = room.contact[j]
                    if room.code[j] & np.uint8(1):
                        at = segments(layers, day, place, group, contact, True, session, rows, at)
                    else:
                        at = silence(layers, day, place, group, contact, session, rows, at)
        else:
            for j in range(_apart(layers, layer, i, n, own, room), n):
                if room.code[j]:
                    contact = draw(own[1], room.here[j])
                    if to_unit(contact) < meet:
                        place = (layer, a, np.int64(room.here[j]))
                        at = segments(layers, day, place, group, contact, True, session, rows, at)
    return at


@inlined
def most_rows(layers, layer, members):
    """Most segments that a group of so many members can have."""
    pieces = (layers.window_s[layer, 1] - layers.window_s[layer, 0]) // PIECE_S + 3
    return members * (members - 1) // 2 * pieces


@bare
def lasting_groups(people, layers, keys, day, layer, who, first, last, room, rows):
    """Contacts of the lasting groups ``first`` .. ``last`` - 1 of a layer.

    Stops when the buffers might not hold another group. Returns (rows filled, next group).
    """
    at = np.int64(0)
    key = draw(draw(keys.attendance, layer), day.number)
    attendance = layers.attendance[layer]
    group = first
    while group < last:
        begin, end = who.group_start[group], who.group_start[group + 1]
        if at + most_rows(layers, layer, end - begin) > len(rows.a):
            break
        n = 0
        for m in range(begin, end):
            person = who.members[m]
            if attendance >= 1.0 or to_unit(draw(key, person)) < attendance:
                room.here[n] = person
                n += 1
        if n > 1:
            at = _group(people, layers, keys, day, layer, group, n, room, rows, at)
        group += 1
    return at, group


@bare
def seat(people, layers, keys, day, layer, who, zone, start, seated, block):
    """Places a district's attendants in its blocks of a day, ascending in each.

    Fills ``start`` ``int64[blocks + 1]`` and ``seated`` ``int32[people]``; ``block`` ``int32[people]`` is
    room. Returns the number of blocks.
    """
    zone_from = people.zone_start[zone]
    n = people.zone_start[zone + 1] - zone_from
    size = layers.group_size[layer]
    blocks = (n + size - 1) // size
    key = draw(draw(draw(keys.grouping, layer), day.number), zone)
    attendance_key = draw(draw(keys.attendance, layer), day.number)
    attendance = layers.attendance[layer]
    for k in range(blocks + 1):
        start[k] = 0
    first, last = who.zone_start[zone], who.zone_start[zone + 1]
    for k in range(first, last):
        person = who.people[k]
        block[k - first] = -1
        if to_unit(draw(attendance_key, person)) < attendance:
            at = np.uint32(permute(key, person - zone_from, n)) // np.uint32(size)
            block[k - first] = at
            start[at + 1] += 1
    for k in range(blocks):
        start[k + 1] += start[k]
    # Each block's start moves to its end while it is filled, then all move back.
    for k in range(first, last):
        at = block[k - first]
        if at >= 0:
            seated[start[at]] = who.people[k]
            start[at] += 1
    for k in range(blocks, 0, -1):
        start[k] = start[k - 1]
    start[0] = 0
    return blocks


@bare
def day_groups(people, layers, keys, day, layer, zone, first, last, start, seated, room, rows):
    """Contacts of the blocks ``first`` .. ``last`` - 1 of a district, seated by :func:`seat`.

    Stops when the buffers might not hold another block. Returns (rows filled, next block).
    """
    at = np.int64(0)
    zone_from, size = people.zone_start[zone], layers.group_size[layer]
    k = first
    while k < last:
        begin, n = start[k], start[k + 1] - start[k]
        if at + most_rows(layers, layer, n) > len(rows.a):
            break
        for i in range(n):
            room.here[i] = seated[begin + i]
        if n > 1:
            group = block_group(people, layer, zone_from, k * size)
            at = _group(people, layers, keys, day, layer, group, n, room, rows, at)
        k += 1
    return at, k
