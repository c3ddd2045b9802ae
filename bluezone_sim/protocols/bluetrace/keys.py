"""BlueTrace (Singapore; OpenTrace): temporary ids that only the server can read.

TempID = base64(AES-256-GCM ciphertext of uid(21) || be32(start) || be32(expiry), iv(16), tag(16)), valid
15 minutes, exchanged over a GATT connection. A case uploads its history and the server decrypts it.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy.typing import NDArray

from ...errors import FormatError, SignatureError, TableError
from ..schedule import ServerSecrets
from .wire import ID_BYTES, IV_BYTES, UID_BYTES

_PLAIN = UID_BYTES + 8
_VALID_S = 900


@dataclass(frozen=True)
class TempId:
    """What the server reads in a temporary id.

    Attributes:
        uid: 21 bytes, the user.
        start_s, expiry_s: validity, unix seconds.
    """

    uid: bytes
    start_s: int
    expiry_s: int

    def valid_at(self, time_s: float) -> bool:
        """A sighting at this time lies within the validity, both ends included."""
        return self.start_s <= time_s <= self.expiry_s


def encrypt(key: bytes, temp_id: TempId, iv: bytes) -> str:
    """A temporary id as the server hands it out, in base64; see :func:`seal`."""
    return base64.b64encode(seal(key, temp_id, iv)).decode("ascii")


def seal(key: bytes, temp_id: TempId, iv: bytes) -> bytes:
    """The 61 bytes of a temporary id.

    Args:
        key: 32 bytes, the server's.
        temp_id: what it says.
        iv: 16 random bytes, never used twice.

    Raises:
        TableError: something is of another size.
    """
    for name, value, size in (
        ("key", key, 32),
        ("uid", temp_id.uid, UID_BYTES),
        ("iv", iv, IV_BYTES),
    ):
        if len(value) != size:
            raise TableError(f"{name}: expected {size} bytes, found {len(value)}")
    times = (temp_id.start_s, temp_id.expiry_s)
    if any(not 0 <= t < 1 << 32 for t in times):
        raise TableError(f"start_s, expiry_s: expected 32-bit unix seconds, found {times}")
    plain = temp_id.uid + b"".join(t.to_bytes(4, "big") for t in times)
    sealed = AESGCM(key).encrypt(iv, plain, None)
    return sealed[:_PLAIN] + iv + sealed[_PLAIN:]


def decrypt(key: bytes, text: str) -> TempId:
    """Reads a temporary id, on the server.

    Raises:
        FormatError: not base64, or of another length.
        SignatureError: its tag does not verify: tampered with, or of another server.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise FormatError(f"temporary id {text[:16]!r}…: not base64") from None
    if len(raw) != ID_BYTES:
        raise FormatError(f"temporary id: expected {ID_BYTES} bytes, found {len(raw)}")
    found = open_sealed(key, raw)
    if found is None:
        raise SignatureError("temporary id: its tag does not verify")
    return found


def open_sealed(key: bytes, raw: bytes) -> TempId | None:
    """Reads the 61 bytes of a temporary id; None where its tag does not verify."""
    iv = raw[_PLAIN : _PLAIN + IV_BYTES]
    try:
        plain = AESGCM(key).decrypt(iv, raw[:_PLAIN] + raw[_PLAIN + IV_BYTES :], None)
    except InvalidTag:
        return None
    start, expiry = (int.from_bytes(plain[i : i + 4], "big") for i in (UID_BYTES, UID_BYTES + 4))
    return TempId(plain[:UID_BYTES], start, expiry)


def server_matches(key: bytes, history: list[tuple[str, float]]) -> list[tuple[int, TempId]]:
    """Rows of an uploaded history whose temporary ids are the server's and were valid when seen.

    Args:
        key: the server's.
        history: (temporary id, unix seconds).

    Returns:
        (row, what the id says) of the good rows; the others are left out, as the server does.
    """
    out = []
    for row, (text, time_s) in enumerate(history):
        try:
            found = decrypt(key, text)
        except FormatError:
            continue
        if found.valid_at(time_s):
            out.append((row, found))
    return out


# -- in a simulation ---------------------------------------------------------------------------------


def make(
    server: ServerSecrets, user: NDArray[np.int64], time_s: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """One temporary id a person and quarter of an hour; the cipher takes them one by one."""
    key = user * (1 << 32) + time_s // _VALID_S
    distinct, row = np.unique(key, return_inverse=True)
    secret = server.secret(0, 32)
    out = np.empty((len(distinct), ID_BYTES), np.uint8)
    iv = np.stack([server.draws((3, k), distinct) for k in range(2)], axis=1)
    ivs = np.ascontiguousarray(iv).view(np.uint8)
    for k, value in enumerate(distinct.tolist()):
        who, at = divmod(value, 1 << 32)
        start = at * _VALID_S
        temp = TempId(who.to_bytes(UID_BYTES, "big"), start, start + _VALID_S)
        out[k] = np.frombuffer(seal(secret, temp, ivs[k].tobytes()), np.uint8)
    return out[row]


def read(
    server: ServerSecrets, identifiers: NDArray[np.uint8], time_s: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Users of rows whose temporary id was valid when it was heard; -1 for the others."""
    # The same temporary id is in many rows: it is opened once.
    ids = np.ascontiguousarray(identifiers)
    whole = ids.view(np.dtype((np.void, ids.shape[1])))[:, 0]
    distinct, row = np.unique(whole, return_inverse=True)
    secret = server.secret(0, 32)
    opened = np.full((len(distinct), 3), -1, np.int64)
    for k, value in enumerate(distinct.tolist()):
        found = open_sealed(secret, value)
        if found is not None:
            opened[k] = int.from_bytes(found.uid, "big"), found.start_s, found.expiry_s
    user, start, end = opened[row].T
    return np.where((start <= time_s) & (time_s <= end), user, -1)
