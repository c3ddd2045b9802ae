"""Adoption ranks: in which order smartphone owners adopt, alone or with their groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels import rng
from ..scenario.schema.adoption import Together

#: Lasting groups, in the order of :attr:`Groups.of`.
STATIC_LAYERS = ("household", "neighbours", "school", "work")


@dataclass(frozen=True)
class Groups:
    """Lasting groups of all layers, numbered through.

    Attributes:
        of: ``int32[4, n]``, the group of each person in each of :data:`STATIC_LAYERS`, -1 for none.
        start: ``int64[g + 1]``, where each group's members start in ``members``.
        members: ``int32[m]``, people, ascending within a group.
    """

    of: NDArray[np.int32]
    start: NDArray[np.int64]
    members: NDArray[np.int32]


def number_through(n: int, layers: list[tuple[NDArray[Any], NDArray[Any]]]) -> Groups:
    """Lasting groups of ``n`` people, from the members of each layer and the labels of their groups."""
    of = np.full((len(layers), n), -1, dtype=np.int32)
    starts, members, n_groups, n_members = [], [], 0, 0
    for row, (person, label) in enumerate(layers):
        step = np.diff(label)
        if not np.all((step > 0) | ((step == 0) & (np.diff(person) > 0))):
            # Labels that are not in order yet number the groups of a layer, so the product fits.
            label, person = np.divmod(np.sort(label.astype(np.int64) * n + person), n)
        new = np.flatnonzero(np.diff(label, prepend=label[:1] - 1))
        length = np.diff(np.append(new, len(label)))
        of[row, person] = n_groups + np.repeat(np.arange(len(new)), length)
        starts.append(n_members + new)
        members.append(person.astype(np.int32))
        n_groups += len(new)
        n_members += len(person)
    return Groups(
        of=of,
        start=np.concatenate([*starts, [n_members]]).astype(np.int64),
        members=np.concatenate(members),
    )


def ranks_of(
    seed: int,
    draw: int,
    owners: NDArray[np.int64],
    groups: Groups,
    zone: NDArray[np.int16],
    together: Together,
) -> NDArray[np.float64]:
    """``float64[n]``: adoption ranks of one draw of who adopts, infinite for others than ``owners``.

    Ranks are (k + 1/2) / owners for the k-th smallest draw, so that a level of U users has exactly U
    users. Those who adopt with a group (:class:`Together`) take its draw, and lie side by side.

    Args:
        seed: the run's seed.
        draw: number of the draw; that of the run itself is 0.
        owners: people with a smartphone, ascending.
        groups: lasting groups.
        zone: ``int16[n]``, district index.
        together: chances to adopt with a group.
    """
    coordinates = (draw,) if draw else ()
    own = rng.draws(rng.key(seed, "adoption_rank", *coordinates), owners)
    if together == Together():
        order = np.argsort(own)  # no two draws of a stream are equal
    else:
        first = shared_draws(seed, (draw,), owners, groups, zone, together, own)
        order = np.lexsort((own, first))
    rank = np.full(len(zone), np.inf)
    rank[owners[order]] = (np.arange(len(owners)) + 0.5) / len(owners)
    return rank


def shared_draws(
    seed: int,
    coordinates: tuple[int, ...],
    person: NDArray[np.int64],
    groups: Groups,
    zone: NDArray[np.int16],
    together: Together,
    own: NDArray[np.uint64],
) -> NDArray[np.uint64]:
    """``uint64[n]``: the draw of the group with which each of ``person`` acts, else the ``own`` one."""
    layers = {
        "household": groups.of[0],
        "school": groups.of[2],
        "work": groups.of[3],
        "district": zone,
    }
    coin = rng.uniforms(rng.key(seed, "together", *coordinates), person)
    out, low = own.copy(), 0.0
    for k, (name, group_of) in enumerate(layers.items()):
        share = getattr(together, name)
        group = group_of[person]
        with_it = np.flatnonzero((coin >= low) & (coin < low + share) & (group >= 0))
        key = rng.key(seed, "together", *coordinates, k)
        out[with_it] = rng.draws(key, group[with_it])
        low += share
    return out
