"""Packets kept for judging, bounded."""

from __future__ import annotations

from collections import Counter

from .reports import AdvertisingReport

#: Identifiers over GATT are read anew after so long, to see them rotate.
_READ_AGAIN_S = 20.0


#: Packets of the profile's protocol that are kept: hours of one phone.
_PACKETS_MOST = 500_000


class PacketBuffer:
    """A sink that keeps the packets of one protocol, up to a bound.

    Attributes:
        heard: those packets.
        left_out: how many were too many.
        strangers: packets of other protocols, by name.
    """

    def __init__(self, protocol: str) -> None:
        self.heard: list[AdvertisingReport] = []
        self.left_out = 0
        self.strangers: Counter[str] = Counter()
        self._protocol = protocol

    def take(self, heard: list[AdvertisingReport], identifiers: dict[int, bytes]) -> None:
        """Keeps packets."""
        mine = []
        for h in heard:
            if h.decoded.found is None:
                continue
            if self._protocol in h.decoded.found.protocols:
                mine.append(h)
            else:
                self.strangers[h.decoded.found.protocols[0]] += 1
        room = _PACKETS_MOST - len(self.heard)
        self.left_out += max(0, len(mine) - room)
        self.heard += mine[:room]
