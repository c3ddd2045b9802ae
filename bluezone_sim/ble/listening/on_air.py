"""Who is on air: one row a phone, followed through changes of identifier and address, bounded."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from .reports import AdvertisingReport, address_text

#: Phones that are kept; the one not heard for longest goes first.
MOST = 4096
#: A phone that changed both address and identifier is recognised where, of its protocol, exactly one
#: fell silent and exactly one appeared within this time, microseconds.
_HANDOVER_US = 3_000_000
#: A phone that has not been heard for so long has fallen silent, microseconds.
_SILENT_US = 5_000_000
_RATE_S = 10


@dataclass
class SeenPhone:
    """One phone.

    Attributes:
        address, address_random: as last heard.
        protocol: names of the protocols that send its form.
        identifier: as last heard, or read over GATT; empty where it is not known yet.
        gatt: its identifier has to be read.
        name: local name, printable.
        packets: heard so far.
        rssi_dbm, rssi_min_dbm, rssi_max_dbm, rssi_sum: last, weakest, strongest, sum over packets.
        first_us, last_us: unix microseconds.
        changed_us: when the identifier last changed, 0 if it has not.
        address_changed: at that change the address changed with it; None where nothing changed.
        linkable: how a change of one alone gave the other away, such as "identifier kept".
    """

    address: int
    address_random: bool
    protocol: tuple[str, ...]
    identifier: bytes
    gatt: bool
    name: str
    first_us: int
    last_us: int
    packets: int = 0
    rssi_dbm: int = 0
    rssi_min_dbm: int = 127
    rssi_max_dbm: int = -128
    rssi_sum: int = 0
    changed_us: int = 0
    address_changed: bool | None = None
    linkable: str = ""
    _seconds: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=_RATE_S))

    def hear(self, time_us: int, rssi_dbm: int) -> None:
        """Books one packet."""
        self.packets += 1
        self.last_us = time_us
        self.rssi_dbm = rssi_dbm
        self.rssi_sum += rssi_dbm
        self.rssi_min_dbm = min(self.rssi_min_dbm, rssi_dbm)
        self.rssi_max_dbm = max(self.rssi_max_dbm, rssi_dbm)
        second = time_us // 1_000_000
        if self._seconds and self._seconds[-1][0] == second:
            self._seconds[-1] = (second, self._seconds[-1][1] + 1)
        else:
            self._seconds.append((second, 1))

    def copy(self) -> SeenPhone:
        """The row as it is now; packets that are booked later do not change it."""
        return replace(self, _seconds=deque(self._seconds, maxlen=_RATE_S))

    def rate_hz(self, now_us: int) -> float:
        """Packets a second over the last ten."""
        since = now_us // 1_000_000 - _RATE_S
        span = max(1.0, min(_RATE_S, (now_us - self.first_us) / 1e6))
        return sum(n for second, n in self._seconds if second > since) / span

    def to_dict(self, now_us: int) -> dict[str, Any]:
        """The row as ``--json-lines`` prints it."""
        return {
            "unix_ms": self.last_us // 1000,
            "address": address_text(self.address),
            "address_random": self.address_random,
            "protocol": list(self.protocol),
            "identifier": self.identifier.hex(),
            "gatt": self.gatt,
            "name": self.name,
            "packets": self.packets,
            "rssi_dbm": self.rssi_dbm,
            "rssi_mean_dbm": round(self.rssi_sum / max(self.packets, 1), 1),
            "rssi_min_dbm": self.rssi_min_dbm,
            "rssi_max_dbm": self.rssi_max_dbm,
            "rate_hz": round(self.rate_hz(now_us), 2),
            "identifier_changed_unix_ms": self.changed_us // 1000 or None,
            "address_changed": self.address_changed,
            "linkable": self.linkable,
        }


class OnAir:
    """The phones on air; one thread may take packets while another reads.

    Attributes:
        evicted: phones dropped because there were more than :data:`MOST`.
    """

    def __init__(self, protocols: frozenset[str] = frozenset()) -> None:
        self.evicted = 0
        self._wanted = protocols
        self._phones: OrderedDict[int, SeenPhone] = OrderedDict()
        self._holder: dict[tuple[tuple[str, ...], bytes], int] = {}
        self._newborn: list[int] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._phones)

    def phones(self) -> list[SeenPhone]:
        """As they are now, strongest first."""
        with self._lock:
            found = [p.copy() for p in self._phones.values()]
        return sorted(found, key=lambda p: -p.rssi_sum / max(p.packets, 1))

    def take(self, packets: Iterable[AdvertisingReport], identifiers: dict[int, bytes]) -> None:
        """Books packets of phones; ``identifiers`` are those read over GATT, by address."""
        with self._lock:
            self._take(packets, identifiers)

    def _take(self, packets: Iterable[AdvertisingReport], identifiers: dict[int, bytes]) -> None:
        for heard in packets:
            found = heard.decoded.found
            if found is None or (self._wanted and self._wanted.isdisjoint(found.protocols)):
                continue
            identifier = found.identifier or identifiers.get(heard.address, b"")
            phone = self._phones.get(heard.address)
            if phone is None:
                phone = self._arrive(heard, found.protocols, identifier, found.gatt)
            elif identifier and identifier != phone.identifier:
                if phone.identifier:
                    phone.changed_us = heard.time_us
                    phone.address_changed = False
                    phone.linkable = "address kept"
                    self._holder.pop((phone.protocol, phone.identifier), None)
                phone.identifier = identifier
                phone.protocol = found.protocols
                self._holder[phone.protocol, identifier] = heard.address
            if heard.decoded.name:
                phone.name = heard.decoded.name
            phone.hear(heard.time_us, heard.rssi_dbm)
            self._phones.move_to_end(heard.address)

    def _arrive(
        self, heard: AdvertisingReport, protocol: tuple[str, ...], identifier: bytes, gatt: bool
    ) -> SeenPhone:
        before = self._holder.get((protocol, identifier)) if identifier else None
        if before is not None and before in self._phones:
            # The same identifier under another address: the phone kept one and changed the other.
            phone = self._phones.pop(before)
            phone.address, phone.address_random = heard.address, heard.address_random
            phone.linkable = "identifier kept"
        else:
            phone = SeenPhone(
                heard.address,
                heard.address_random,
                protocol,
                identifier,
                gatt,
                heard.decoded.name,
                heard.time_us,
                heard.time_us,
            )
            self._newborn.append(heard.address)
        self._phones[heard.address] = phone
        if identifier:
            self._holder[protocol, identifier] = heard.address
        if len(self._phones) > MOST:
            _, gone = self._phones.popitem(last=False)
            self._holder.pop((gone.protocol, gone.identifier), None)
            self.evicted += 1
        if len(self._newborn) > MOST:
            del self._newborn[: MOST // 2]
        return phone

    def settle(self, now_us: int) -> None:
        """Joins phones that changed both address and identifier; to be called about once a second.

        A guess, made only where there is one candidate on either side.
        """
        with self._lock:
            self._settle(now_us)

    def _settle(self, now_us: int) -> None:
        waiting = []
        for address in self._newborn:
            phone = self._phones.get(address)
            if phone is None:
                continue
            if now_us - phone.first_us < _SILENT_US + _HANDOVER_US:
                waiting.append(address)
                continue
            self._join(phone, now_us)
        self._newborn = waiting

    def _join(self, phone: SeenPhone, now_us: int) -> None:
        born = phone.first_us
        gone = [
            p
            for p in self._phones.values()
            if p is not phone
            and p.protocol == phone.protocol
            and abs(p.last_us - born) <= _HANDOVER_US
            and now_us - p.last_us >= _SILENT_US
        ]
        rivals = [
            p
            for p in self._phones.values()
            if p is not phone
            and p.protocol == phone.protocol
            and abs(p.first_us - born) <= _HANDOVER_US
        ]
        if len(gone) != 1 or rivals:
            return
        (old,) = gone
        del self._phones[old.address]
        self._holder.pop((old.protocol, old.identifier), None)
        phone.first_us = old.first_us
        phone.packets += old.packets
        phone.rssi_sum += old.rssi_sum
        phone.rssi_min_dbm = min(phone.rssi_min_dbm, old.rssi_min_dbm)
        phone.rssi_max_dbm = max(phone.rssi_max_dbm, old.rssi_max_dbm)
        phone.changed_us = born
        phone.address_changed = True
        phone.linkable = ""
