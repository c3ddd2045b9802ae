"""ROBERT (Inria and Fraunhofer; StopCovid, France): identifiers that only the server can read.

HELLO, 16 bytes: ECC(8 bits) | EBID(64) | time(16) | MAC(40), with EBID = SKINNY-64/192(K_S, epoch(24) ||
id(40)), ECC = first byte of AES(K_G, EBID || zeros) xor the country code, MAC = HMAC-SHA256(K_A, 0x01 ||
ECC | EBID | time) cut to 40 bits (ROBERT specification v1.1).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from ...errors import TableError
from ..protocol import DAY_S
from ..schedule import ServerSecrets
from .skinny import decrypt, encrypt
from .wire import ID_BYTES

EPOCH_S = 900
#: Seconds from 1900 to 1970: HELLO carries the low 16 bits of NTP seconds.
NTP_OFFSET_S = 2_208_988_800
#: How far a HELLO's time may be from when it was heard, seconds (the server's configuration).
TIME_TOLERANCE_S = 180


@dataclass(frozen=True)
class Hellos:
    """What the server reads in HELLO messages.

    Attributes:
        epoch: ``int64[n]``, 15-minute epochs since the service started.
        user: ``int64[n]``, 40-bit id.
        country: ``uint8[n]``.
        time_16: ``int64[n]``, low 16 bits of NTP seconds.
    """

    epoch: NDArray[np.int64]
    user: NDArray[np.int64]
    country: NDArray[np.uint8]
    time_16: NDArray[np.int64]


@dataclass(frozen=True)
class Server:
    """The server's keys.

    Attributes:
        server_key: K_S, 24 bytes.
        federation_key: K_G, 16 or 32 bytes.
        country: CC, 0 .. 255 (France: 33).
        start_s: unix seconds of epoch 0.

    Raises:
        TableError: a key is of another size.
    """

    server_key: bytes
    federation_key: bytes
    country: int = 33
    start_s: int = 0

    def __post_init__(self) -> None:
        if len(self.server_key) != 24 or len(self.federation_key) not in (16, 32):
            raise TableError("server_key, federation_key: expected 24 bytes, and 16 or 32 bytes")
        if not 0 <= self.country <= 255:
            raise TableError(f"country: expected 0 to 255, found {self.country}")

    def ephemeral_ids(
        self, epoch: NDArray[np.int64] | int, user: NDArray[np.int64] | int
    ) -> NDArray[np.uint8]:
        """``uint8[n, 8]``: EBIDs.

        Raises:
            TableError: an epoch leaves 24 bits, or a user 40.
        """
        i, a = np.broadcast_arrays(
            np.atleast_1d(np.asarray(epoch, np.int64)), np.atleast_1d(np.asarray(user, np.int64))
        )
        if np.any((i < 0) | (i >= 1 << 24)) or np.any((a < 0) | (a >= 1 << 40)):
            raise TableError("epoch, user: expected 24-bit and 40-bit numbers")
        plain = ((i << 40) | a).astype(">u8").view(np.uint8).reshape(-1, 8)
        return encrypt(self.server_key, plain)

    def _pad(self, ebid: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """First byte of AES(K_G, EBID || zeros)."""
        blocks = np.zeros((len(ebid), 16), np.uint8)
        blocks[:, :8] = ebid
        cipher = Cipher(algorithms.AES(self.federation_key), modes.ECB()).encryptor()
        return np.frombuffer(cipher.update(blocks.tobytes()), np.uint8).reshape(-1, 16)[:, 0]

    def hello(self, user_key: bytes, epoch: int, user: int, time_s: int) -> bytes:
        """The HELLO of a user at a time."""
        ebid = self.ephemeral_ids(epoch, user)
        country = bytes([int(self._pad(ebid)[0]) ^ self.country])
        time_16 = ((time_s + NTP_OFFSET_S) & 0xFFFF).to_bytes(2, "big")
        body = country + ebid.tobytes() + time_16
        return body + _mac(user_key, body)

    def hellos(
        self,
        user_keys: Mapping[int, bytes],
        user: NDArray[np.int64],
        ebid: NDArray[np.uint8],
        time_s: NDArray[np.int64],
    ) -> NDArray[np.uint8]:
        """``uint8[n, 16]``: HELLOs of users at times.

        Args:
            user_keys: K_A by user.
            user: ``int64[n]``.
            ebid: ``uint8[n, 8]``, from :meth:`ephemeral_ids`.
            time_s: ``int64[n]``, unix seconds.
        """
        out = np.empty((len(user), ID_BYTES), np.uint8)
        out[:, 0] = self._pad(ebid) ^ np.uint8(self.country)
        out[:, 1:9] = ebid
        time_16 = ((time_s + NTP_OFFSET_S) & 0xFFFF).astype(">u2")
        out[:, 9:11] = time_16.view(np.uint8).reshape(-1, 2)
        for row, who in enumerate(user.tolist()):  # a MAC is made message by message
            out[row, 11:] = np.frombuffer(_mac(user_keys[who], out[row, :11].tobytes()), np.uint8)
        return out

    def open(self, hellos: NDArray[np.uint8]) -> Hellos:
        """Decrypts HELLOs, ``uint8[n, 16]``. Anything decrypts to something: check the MAC."""
        ebid = np.ascontiguousarray(hellos[:, 1:9])
        plain = decrypt(self.server_key, ebid).view(">u8")[:, 0].astype(np.int64)
        time_16 = hellos[:, 9].astype(np.int64) << 8 | hellos[:, 10]
        return Hellos(
            (plain >> 40) & 0xFFFFFF,
            plain & 0xFFFFFFFFFF,
            hellos[:, 0] ^ self._pad(ebid),
            time_16,
        )

    def contacts(
        self,
        hellos: NDArray[np.uint8],
        time_s: NDArray[np.int64],
        user_keys: Mapping[int, bytes],
        *,
        tolerance_s: int = TIME_TOLERANCE_S,
    ) -> NDArray[np.int64]:
        """Users whom an uploaded history met, by row; -1 for rows that the server rejects.

        A row counts where the country is ours, the user is registered, the epoch is that of the time
        at which it was heard or a neighbour, the HELLO's time is close to it, and the MAC verifies.

        Args:
            hellos: ``uint8[n, 16]``.
            time_s: ``int64[n]``, unix seconds at which each was heard.
            user_keys: K_A of the registered users.
            tolerance_s: how far a HELLO's time may be off.
        """
        read = self.open(hellos)
        heard_epoch = (time_s - self.start_s) // EPOCH_S
        late = (time_s + NTP_OFFSET_S - read.time_16) & 0xFFFF
        off = np.minimum(late, 0x10000 - late)
        plausible = (
            (read.country == self.country)
            & (np.abs(read.epoch - heard_epoch) <= 1)
            & (off <= tolerance_s)
        )
        out = np.full(len(hellos), -1, np.int64)
        for row in np.flatnonzero(plausible):  # one upload, and most foreign rows are gone
            user = int(read.user[row])
            message = hellos[row].tobytes()
            key = user_keys.get(user)
            if key is not None and hmac.compare_digest(_mac(key, message[:11]), message[11:]):
                out[row] = user
        return out


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, b"\x01" + body, "sha256")[:5]


# -- in a simulation ---------------------------------------------------------------------------------


def _server(secrets: ServerSecrets) -> Server:
    # Epochs are counted from a year before the look-back: they have 24 bits.
    epoch_0 = (secrets.first_s - 365 * DAY_S) // EPOCH_S
    return Server(secrets.secret(0, 24), secrets.secret(1, 16), start_s=epoch_0 * EPOCH_S)


def _user_key(secrets: ServerSecrets, user: int) -> bytes:
    return secrets.word(2, user).to_bytes(8, "little") * 4


def make(
    server: ServerSecrets, user: NDArray[np.int64], time_s: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """HELLO messages; each has its own time and MAC."""
    own = _server(server)
    since = time_s // EPOCH_S - own.start_s // EPOCH_S
    distinct, row = np.unique(user * (1 << 24) + since, return_inverse=True)
    ebid = own.ephemeral_ids(distinct % (1 << 24), distinct >> 24)
    keys = {who: _user_key(server, who) for who in np.unique(user).tolist()}
    return own.hellos(keys, user, ebid[row], time_s)


def read(
    server: ServerSecrets, identifiers: NDArray[np.uint8], time_s: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Users of the rows that the server takes; -1 for the others."""
    users = {who: _user_key(server, who) for who in range(server.n_users)}
    return _server(server).contacts(identifiers, time_s, users)
