"""The phones' keys in a run: what is on air when somebody hears it, and what is published."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import protocols
from ..protocols.protocol import DAY_S, Protocol
from ..protocols.schedule import KeySchedule
from ..tables.rows import PublishedKeys
from ..world import World


@dataclass(frozen=True)
class KeyRing:
    """Every phone's keys, made from the seed when asked for.

    Attributes:
        schedule: the phones' keys.
        tx_power_dbm: ``[n_people]``, as phones are calibrated.
        first_s, last_s: the look-back, unix seconds; keys cover the UTC days that hold it.
    """

    schedule: KeySchedule
    tx_power_dbm: NDArray[np.floating]
    first_s: int
    last_s: int

    @classmethod
    def of(cls, world: World, protocol_name: str, first_s: int, last_s: int) -> KeyRing:
        """Keys of a protocol for a look-back."""
        system = protocols.get_key_protocol(protocol_name)
        schedule = KeySchedule(system, world.seed, world.install_day)
        return cls(schedule, world.tx_power_dbm, first_s, last_s)

    @property
    def protocol(self) -> Protocol:
        """The system on the phones."""
        return self.schedule.protocol

    def identifiers_at(
        self,
        person: NDArray[np.int32],
        who: NDArray[np.integer],
        time_ms: NDArray[np.int64],
    ) -> NDArray[np.uint8]:
        """``uint8[n, id_bytes]``: what ``person[who]`` sends at each time.

        Args:
            person: distinct people.
            who: index into ``person``.
            time_ms: unix milliseconds.
        """
        if not len(who):
            return np.empty((0, self.protocol.id_bytes), np.uint8)
        first_day = int(time_ms.min() // (1000 * DAY_S))
        n_days = int(time_ms.max() // (1000 * DAY_S)) - first_day + 1
        table = self.schedule.identifiers(person, first_day, n_days)
        interval = (time_ms - first_day * DAY_S * 1000) // (self.protocol.interval_s * 1000)
        rows = table.reshape(-1, table.shape[2])
        at = who.astype(np.int64) * table.shape[1] + interval
        return np.asarray(np.take(rows, at, axis=0))

    def payload_at(
        self,
        person: NDArray[np.int32],
        who: NDArray[np.integer],
        time_ms: NDArray[np.int64],
        identifier: NDArray[np.uint8],
    ) -> NDArray[np.uint8] | None:
        """``uint8[n, k]``: what ``person[who]`` sends beside the identifiers; None where nothing is."""
        power = np.clip(np.rint(self.tx_power_dbm[person]), -127, 127).astype(np.int64)
        return self.schedule.payload_at(person, who, time_ms, identifier, power)

    @property
    def keys_per_person(self) -> int:
        """Rows of :meth:`published` for each person."""
        return self.schedule.keys_per_phone(self.first_s, self.last_s)

    def published(self, person: NDArray[np.int32]) -> PublishedKeys:
        """What the authority publishes: :attr:`keys_per_person` rows of each person, in order."""
        return self.schedule.published(person, self.first_s, self.last_s)
