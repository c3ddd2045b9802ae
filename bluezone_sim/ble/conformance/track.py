"""One phone's packets out of a capture, followed through changes of address and identifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ... import protocols
from ...captures.decode import SightingDecoder
from ...captures.packets import Packets
from ...protocols import ad
from ...protocols.ad import Advertisement
from ...protocols.protocol import Protocol

#: A phone that changed both is followed to the one that appeared next, within this time, microseconds.
HANDOVER_US = 5_000_000
#: Where two changed so close together, microseconds, nobody can say which is which.
_TOGETHER_US = 500_000


@dataclass(frozen=True)
class Trail:
    """One phone's packets.

    Attributes:
        packets: in order of time.
        identifier: ``int64[n]``, index of the packet's identifier; -1 where it carries none.
        identifiers: ``uint8[k, id_size]``.
        found: what each packet's data carry.
        exact: ``bool[n]``, the AD structures are exactly the protocol's.
        others: other phones of the protocol that were heard.
    """

    packets: Packets
    identifier: NDArray[np.int64]
    identifiers: NDArray[np.uint8]
    found: list[Advertisement | None]
    exact: NDArray[np.bool_]
    others: int


def _distinct_data(packets: Packets) -> tuple[list[bytes], NDArray[np.int64]]:
    """Distinct advertising data, and which of them each packet has."""
    raw = [row[:size].tobytes() for row, size in zip(packets.data, packets.size, strict=True)]
    known: dict[bytes, int] = {}
    which = np.fromiter((known.setdefault(r, len(known)) for r in raw), np.int64, len(raw))
    return list(known), which


def follow(packets: Packets, protocol: str, target: int | None) -> Trail | None:
    """A phone's packets.

    Args:
        packets: all that were heard.
        protocol: the phone's.
        target: an address that it has at some time; None: the first phone heard.

    Returns:
        None where no such phone was heard.
    """
    order = np.argsort(packets.time_us, kind="stable")
    packets = packets.take(order)
    distinct, which = _distinct_data(packets)
    system, decoder = protocols.get(protocol), SightingDecoder()
    seen = (decoder.look(data) for data in distinct)
    found = [f if f is not None and protocol in f.protocols else None for f in seen]
    mine = np.array([f is not None for f in found], np.bool_)
    rows = np.flatnonzero(mine[which]) if len(distinct) else np.empty(0, np.int64)
    if not len(rows):
        return None
    packets, which = packets.take(rows), which[rows]
    ids = [b"" if f is None else f.identifier for f in found]
    names: dict[bytes, int] = {}
    number = np.array([names.setdefault(i, len(names)) if i else -1 for i in ids], np.int64)
    identifier = number[which]
    phone = _components(packets.address, identifier)
    phone = _handed_over(phone, packets.time_us)
    if target is None:
        chosen = phone[0]
    else:
        at = np.flatnonzero(packets.address == np.uint64(target))
        if not len(at):
            return None
        chosen = phone[at[0]]
    own = np.flatnonzero(phone == chosen)
    exact = np.array([_is_exact(system, d, f) for d, f in zip(distinct, found, strict=True)])
    return Trail(
        packets=packets.take(own),
        identifier=identifier[own],
        identifiers=np.frombuffer(b"".join(names), np.uint8).reshape(len(names), -1)
        if names
        else np.empty((0, system.id_bytes), np.uint8),
        found=[found[w] for w in which[own]],
        exact=exact[which[own]],
        others=len(np.unique(phone)) - 1,
    )


def _components(address: NDArray[np.uint64], identifier: NDArray[np.int64]) -> NDArray[np.int64]:
    """Packets that share an address or an identifier are of one phone."""
    parent: dict[tuple[str, int], tuple[str, int]] = {}

    def root(x: tuple[str, int]) -> tuple[str, int]:
        while parent.setdefault(x, x) != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        return x

    for a, i in {*zip(address.tolist(), identifier.tolist(), strict=True)}:
        if i >= 0:
            parent[root(("address", a))] = root(("identifier", i))
    numbers: dict[tuple[str, int], int] = {}
    return np.array(
        [numbers.setdefault(root(("address", a)), len(numbers)) for a in address.tolist()], np.int64
    )


def _handed_over(phone: NDArray[np.int64], time_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Joins phones that changed everything at once, where one candidate is closest on either side."""
    n = int(phone.max()) + 1
    first = np.full(n, np.iinfo(np.int64).max)
    last = np.zeros(n, np.int64)
    np.minimum.at(first, phone, time_us)
    np.maximum.at(last, phone, time_us)
    into = np.arange(n)
    for k in np.argsort(first):
        gap = np.abs(first[k] - last)
        # One that went on for longer than this was beside the new one, not before it.
        before = np.flatnonzero(
            (gap <= HANDOVER_US) & (last <= first[k] + _TOGETHER_US) & (first < first[k])
        )
        if not len(before):
            continue
        old = before[np.argmin(gap[before])]
        rivals = np.count_nonzero(gap[before] <= gap[old] + _TOGETHER_US) - 1
        beside = np.abs(first - first[k]) <= _TOGETHER_US
        beside[[k, old]] = False
        if rivals == 0 and not beside.any():
            into[k] = into[old]
    return into[phone]


def _is_exact(system: Protocol, data: bytes, found: Advertisement | None) -> bool:
    """The AD types are those of the protocol's own form, each once."""
    if found is None or found.overflow:
        return found is not None
    kinds = [kind for kind, _ in ad.walk(data) or []]
    if found.gatt:
        # A name comes in the scan response.
        form = {*ad.UUIDS_128, *ad.NAMES, *((ad.MANUFACTURER,) if found.payload else ())}
    else:
        form = {k for k, _ in ad.walk(system.advertisement(found.identifier, found.payload)) or []}
        form |= {*ad.UUIDS_16} if form & {*ad.UUIDS_16} else set()
        form |= {*ad.UUIDS_128} if form & {*ad.UUIDS_128} else set()
    return len(kinds) == len(set(kinds)) and set(kinds) <= {ad.FLAGS, *form}


def carries(packets: Packets, kinds: tuple[int, ...]) -> NDArray[np.bool_]:
    """``bool[n]``: packets with an AD structure of one of these types."""
    distinct, which = _distinct_data(packets)
    has = np.array([any(k in kinds for k, _ in ad.walk(d) or []) for d in distinct], np.bool_)
    return has[which] if len(distinct) else np.empty(0, np.bool_)
