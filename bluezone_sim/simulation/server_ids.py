"""Systems that match on a server: identifiers that only it can make, and whom it reads in a history.

BlueTrace's server hands out temporary ids, ROBERT's ephemeral ones; a case uploads what its phone heard
and the server opens it. Everything is made from the seed when asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels import rng
from ..protocols import bluetrace, robert
from ..protocols.protocol import DAY_S
from ..protocols.registry import get
from ..tables.rows import Sightings
from ..world import World

#: Systems whose phones cannot match.
NAMES = ("bluetrace", "robert")


@dataclass(frozen=True)
class ServerRing:
    """One server and the identifiers that it gives to everybody.

    Attributes:
        world: the population.
        protocol: the system on the phones.
        first_s, last_s: the look-back, unix seconds.
    """

    world: World
    protocol: Any
    first_s: int
    last_s: int

    @classmethod
    def of(cls, world: World, name: str, first_s: int, last_s: int) -> ServerRing:
        """The server of one of :data:`NAMES`."""
        return cls(world, get(name), first_s, last_s)

    @property
    def keys_per_person(self) -> int:
        """Whom the server reads is a person, not a key: one each."""
        return 1

    def _secret(self, k: int, size: int) -> bytes:
        words = rng.draws(rng.key(self.world.seed, "server", k), np.arange(-(-size // 8)))
        return words.tobytes()[:size]

    @cached_property
    def _robert(self) -> robert.Server:
        return robert.Server(
            self._secret(0, 24), self._secret(1, 16), start_s=self._epoch_0 * robert.EPOCH_S
        )

    def _user_key(self, person: int) -> bytes:
        return rng.key(self.world.seed, "server", 2, person).to_bytes(8, "little") * 4

    # -- on air ------------------------------------------------------------------------------------

    def identifiers_at(
        self, person: NDArray[np.int32], who: NDArray[np.integer], time_ms: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        """``uint8[n, id_size]``: what ``person[who]`` sends at each time.

        Args:
            person: distinct people.
            who: index into ``person``.
            time_ms: unix milliseconds.
        """
        if not len(who):
            return np.empty((0, self.protocol.id_size), np.uint8)
        sender, time_s = person[who].astype(np.int64), time_ms // 1000
        epoch = time_s // self.protocol.interval_s
        if self.protocol.name == "robert":
            return self._hellos(sender, epoch, time_s)
        # One temporary id a person and quarter of an hour; the cipher takes them one by one.
        key = sender * (1 << 32) + epoch
        distinct, row = np.unique(key, return_inverse=True)
        secret = self._secret(0, 32)
        out = np.empty((len(distinct), self.protocol.id_size), np.uint8)
        ivs = [rng.draws(rng.key(self.world.seed, "server", 3, k), distinct) for k in range(2)]
        iv = np.ascontiguousarray(np.stack(ivs, axis=1)).view(np.uint8)
        for k, value in enumerate(distinct.tolist()):
            user, at = divmod(value, 1 << 32)
            start = at * self.protocol.interval_s
            uid = user.to_bytes(bluetrace.UID_BYTES, "big")
            temp = bluetrace.TempId(uid, start, start + self.protocol.interval_s)
            out[k] = np.frombuffer(bluetrace.seal(secret, temp, iv[k].tobytes()), np.uint8)
        return out[row]

    def payload_at(
        self,
        person: NDArray[np.int32],
        who: NDArray[np.integer],
        time_ms: NDArray[np.int64],
        identifier: NDArray[np.uint8],
    ) -> None:
        """Nothing is sent beside the identifier."""

    def _hellos(
        self, sender: NDArray[np.int64], epoch: NDArray[np.int64], time_s: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        """HELLO messages; each has its own time and MAC."""
        since = epoch - self._epoch_0
        key = sender * (1 << 24) + since
        distinct, row = np.unique(key, return_inverse=True)
        ebid = self._robert.ephemeral_ids(distinct % (1 << 24), distinct >> 24)
        return self._robert.hellos(
            {p: self._user_key(p) for p in np.unique(sender).tolist()}, sender, ebid[row], time_s
        )

    @property
    def _epoch_0(self) -> int:
        """Epochs are counted from a year before the look-back: they have 24 bits."""
        return (self.first_s - 365 * DAY_S) // robert.EPOCH_S

    # -- on the server -----------------------------------------------------------------------------

    def senders_of(self, history: Sightings) -> NDArray[np.int64]:
        """``int64[n]``: whom the server reads in each row; -1 where it rejects the row."""
        time_s = history.time_ms // 1000
        if self.protocol.name == "robert":
            users = {p: self._user_key(p) for p in range(self.world.n_people)}
            return self._robert.contacts(history.identifier, time_s, users)
        # The same temporary id is in many rows: it is opened once.
        ids = np.ascontiguousarray(history.identifier)
        whole = ids.view(np.dtype((np.void, ids.shape[1])))[:, 0]
        distinct, row = np.unique(whole, return_inverse=True)
        secret = self._secret(0, 32)
        opened = np.full((len(distinct), 3), -1, np.int64)
        for k, value in enumerate(distinct.tolist()):
            found = bluetrace.open_sealed(secret, value)
            if found is not None:
                opened[k] = int.from_bytes(found.uid, "big"), found.start_s, found.expiry_s
        user, start, end = opened[row].T
        return np.where((start <= time_s) & (time_s <= end), user, -1)
