"""Systems that match on a server: identifiers that only it can make, and whom it reads in a history.

BlueTrace's server hands out temporary ids, ROBERT's ephemeral ones; a case uploads what its phone heard
and the server opens it. Everything is made from the seed when asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import protocols
from ..protocols.protocol import Protocol, called
from ..protocols.schedule import ServerSecrets
from ..tables.rows import Sightings
from ..world import World


@dataclass(frozen=True)
class ServerRing:
    """One server and the identifiers that it gives to everybody.

    Attributes:
        protocol: the system on the phones.
        secrets: what the server draws.
        last_s: end of the look-back, unix seconds.
    """

    protocol: Protocol
    secrets: ServerSecrets
    last_s: int

    @classmethod
    def of(cls, world: World, name: str, first_s: int, last_s: int) -> ServerRing:
        """The server of a protocol that has one."""
        return cls(protocols.get(name), ServerSecrets(world.seed, first_s, world.n_people), last_s)

    @property
    def keys_per_person(self) -> int:
        """Whom the server reads is a person, not a key: one each."""
        return 1

    def identifiers_at(
        self, person: NDArray[np.int32], who: NDArray[np.integer], time_ms: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        """``uint8[n, id_bytes]``: what ``person[who]`` sends at each time.

        Args:
            person: distinct people.
            who: index into ``person``.
            time_ms: unix milliseconds.
        """
        if not len(who):
            return np.empty((0, self.protocol.id_bytes), np.uint8)
        make = called(self.protocol.server_ids.make)
        out: NDArray[np.uint8] = make(self.secrets, person[who].astype(np.int64), time_ms // 1000)
        return out

    def payload_at(
        self,
        person: NDArray[np.int32],
        who: NDArray[np.integer],
        time_ms: NDArray[np.int64],
        identifier: NDArray[np.uint8],
    ) -> None:
        """Nothing is sent beside the identifier."""

    def senders_of(self, history: Sightings) -> NDArray[np.int64]:
        """``int64[n]``: whom the server reads in each row; -1 where it rejects the row."""
        read = called(self.protocol.server_ids.read)
        out: NDArray[np.int64] = read(self.secrets, history.identifier, history.time_ms // 1000)
        return out
