"""Three simulated phones for 25 minutes: packets, rows and keys, the same every time.

The phones and their packets are those of the event engine, with the protocol's own radio profile; their
keys are a scenario's, from a seed of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .. import protocols
from ..captures.packets import Packets
from ..kernels.radio.link_budget import Phones
from ..protocols.protocol import DAY_S, Protocol, called
from ..protocols.schedule import KeySchedule, ServerSecrets
from ..radio.events import Run, simulate
from ..radio.parameters import always_on, model_of
from ..scenario.profiles import load_profile
from ..scenario.schema.profile import RadioProfile
from ..tables.rows import PublishedKeys, Sightings
from ..validation.whitepaper.capture import packets_of
from ..validation.whitepaper.simulate import START_S, contacts_at

#: The phone that listens, the one of the case, and a third.
LISTENER, CASE, OTHER = 0, 1, 2
#: Metres of the case and of the other from the listener, and seconds that they stay.
DISTANCES_M, STAYS_S = (0.5, 3.0), (1500, 480)
#: One with which the places are such that every protocol's rule warns.
_SEED = 21
#: Most packets that the phones together hear in that time, many times what they do; and that are kept.
_MOST_PACKETS, _MOST_KEPT = 200_000, 450
_FIRST_DAY = START_S // DAY_S
#: What GAEN's payload tells, dBm: a phone at TX LOW (Google's table: -23 to -29).
_TX_POWER_DBM = -25


@dataclass(frozen=True)
class ThreePhones:
    """A protocol's phones.

    Attributes:
        system: the protocol.
        profile: its radio.
        run: what was on the air.
    """

    system: Protocol
    profile: RadioProfile
    run: Run

    @property
    def read_over_gatt(self) -> bool:
        """Android phones too have their identifiers read over a connection."""
        size = self.system.wire.payload_bytes[0]
        sent = self.system.advertisement(bytes(self.system.id_bytes), bytes(size))
        found = self.system.parse_advertisement(sent)
        return found is None or found.gatt

    def packets(self) -> tuple[Packets, int]:
        """What the listener heard, and how many packets each of these stands for: of phones that listen
        all the time one of several is kept, so that the example stays small."""
        heard = packets_of(self.run, self.profile, _SEED, START_S * 1000, self._sent)
        mine = np.flatnonzero(heard.observer == LISTENER)
        each = -(-len(mine) // _MOST_KEPT)
        return heard.take(mine[::each]), each

    def sightings(self) -> Sightings:
        """What the listener's app recorded, a row a scan and identifier."""
        rows = self.run.sightings
        return rows.take(rows.observer == LISTENER)

    def keys(self) -> PublishedKeys:
        """What the case publishes at the end of the day."""
        first_s = _FIRST_DAY * DAY_S
        return _schedule(self.system).published(np.array([CASE]), first_s, first_s + DAY_S)

    def _sent(self, person: int, time_ms: int) -> tuple[bytes, bytes]:
        """(identifier, payload) of a phone, for a time at which its identifier went on the air."""
        who, at_ms = np.array([person]), np.array([time_ms])
        identifier = identifiers_at(self.system, who, at_ms)
        payload = None
        if self.system.publishes_keys:
            payload = _schedule(self.system).payload_at(
                who, np.zeros(1, np.int64), at_ms, identifier, np.array([_TX_POWER_DBM])
            )
        usual = bytes(self.system.wire.payload_bytes[0])
        return identifier[0].tobytes(), usual if payload is None else payload[0].tobytes()


def three_phones(name: str) -> ThreePhones:
    """Lets the phones of a protocol meet.

    Raises:
        InputError: there is no such protocol.
    """
    system, profile = protocols.get(name), load_profile(name)
    n = len(DISTANCES_M) + 1
    table = always_on()
    plain = Phones(
        np.full(n, table.android.tx_power_dbm),
        np.full(n, table.android.rx_correction_db),
        np.zeros(n, np.bool_),
    )
    meet = contacts_at(np.zeros(n - 1, np.int64), np.arange(1, n), max(STAYS_S), 1.0)
    meet = replace(
        meet,
        distance_m=np.array(DISTANCES_M, np.float32),
        duration_s=np.array(STAYS_S, np.int32),
    )
    run = simulate(
        model_of(profile, plain, _SEED, table=table),
        meet,
        START_S,
        max(STAYS_S),
        seed=_SEED,
        identify=lambda who, time_ms: identifiers_at(system, who, time_ms),
        log_packets=_MOST_PACKETS,
    )
    return ThreePhones(system, profile, run)


def identifiers_at(
    system: Protocol, who: NDArray[np.int64], time_ms: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """``uint8[n, id_bytes]``: what phones send at unix milliseconds ``int64[n]`` of these two days."""
    if not system.publishes_keys:
        server = ServerSecrets(_SEED, _FIRST_DAY * DAY_S, len(DISTANCES_M) + 1)
        made: NDArray[np.uint8] = called(system.server_ids.make)(server, who, time_ms // 1000)
        return made
    people, row = np.unique(who, return_inverse=True)
    sent = _schedule(system).identifiers(people, _FIRST_DAY - 1, 2)
    at = time_ms // 1000 - (_FIRST_DAY - 1) * DAY_S
    return np.ascontiguousarray(sent[row, at // system.interval_s])


def _schedule(system: Protocol) -> KeySchedule:
    return KeySchedule(system, _SEED, _FIRST_DAY - 1)
