"""What DP-3T backends publish: lists of keys, and the unlinkable design's cuckoo filter."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...errors import FormatError, RowsError, TableError
from ...reading.documents import parse_json
from ...tables.rows import PublishedKeys, Sightings
from ..protocol import DAY_S
from .keys import observations, unlinkable_identifiers
from .wire import HYBRID_KEY, ID_BYTES, LOWCOST_KEY, RETENTION_S, UNLINKABLE_KEY


def write_list(published: PublishedKeys) -> bytes:
    """A list of keys, ``{"exposed": [{"key": base64, "keyDate": ms}]}``, as the backend's JSON has it."""
    return json.dumps(
        {
            "exposed": [
                {"key": base64.b64encode(key.tobytes()).decode(), "keyDate": int(start) * 1000}
                for key, start in zip(published.key, published.start_s, strict=True)
            ]
        }
    ).encode()


def parse_list(data: bytes, key_bytes: int, per_key: int, source: str = "keys") -> PublishedKeys:
    """Reads a list of keys, each with the identifiers that it gives.

    Args:
        data: JSON, as :func:`write_list` gives it.
        key_bytes: the key's size.
        per_key: identifiers of a key.
        source: name of the file, for errors.

    Raises:
        RowsError: single entries are at fault; the first is named.
        FormatError: not JSON, or no such list.
    """
    raw = parse_json(data, source)
    entries = raw.get("exposed") if isinstance(raw, dict) else None
    if not isinstance(entries, list):
        raise FormatError(f'{source}: expected {{"exposed": [...]}}')
    keys: list[bytes] = []
    starts: list[int] = []
    first, n_faults = "", 0
    for i, entry in enumerate(entries):
        key, date = (
            (entry.get("key"), entry.get("keyDate")) if isinstance(entry, dict) else (None, None)
        )
        try:
            raw_key = base64.b64decode(key, validate=True) if isinstance(key, str) else b""
        except (binascii.Error, ValueError):
            raw_key = b""
        if len(raw_key) != key_bytes:
            fault = f"exposed[{i}].key: expected {key_bytes} bytes in base64"
        elif isinstance(date, bool) or not isinstance(date, int) or not 0 <= date < 1 << 50:
            fault = f"exposed[{i}].keyDate: expected unix milliseconds"
        else:
            keys.append(raw_key)
            starts.append(date // 1000)
            continue
        first, n_faults = first or fault, n_faults + 1
    published = PublishedKeys(
        np.frombuffer(b"".join(keys), np.uint8).reshape(-1, key_bytes).copy(),
        np.array(starts, np.int64),
        np.full(len(starts), per_key, np.int32),
    )
    if n_faults:
        raise RowsError(f"{source}: {first}", kept=published, n=n_faults)
    return published


def read_lowcost_list(data: bytes, source: str = "keys") -> PublishedKeys:
    """A low-cost list, each key for its first day; see :func:`walked_until`."""
    return parse_list(data, *LOWCOST_KEY, source)


def read_hybrid_list(data: bytes, source: str = "keys") -> PublishedKeys:
    """A hybrid list, each seed for its window."""
    return parse_list(data, *HYBRID_KEY, source)


def walked_until(published: PublishedKeys, latest_ms: int) -> PublishedKeys:
    """Low-cost keys as phones walk the chain, up to the day on which they look."""
    days = np.maximum(-(-(latest_ms // 1000 + 1 - published.start_s) // DAY_S), 0)
    days = np.minimum(days, RETENTION_S // DAY_S)
    count = LOWCOST_KEY[1] * days
    return replace(published, count=count.astype(np.int32))


#: A hybrid seed in base64: 16 bytes are 24 characters; a low-cost key's 32 are 44.
_HYBRID_ENTRY = re.compile(rb'"key"\s*:\s*"[^"]{24}"')


def is_hybrid_list(data: bytes) -> bool:
    """A list whose first key has a hybrid seed's size."""
    head = data[:4096]
    return b'"exposed"' in head and _HYBRID_ENTRY.search(head) is not None


def is_lowcost_list(data: bytes) -> bool:
    """A list of any other keys."""
    return b'"exposed"' in data[:4096] and not is_hybrid_list(data)


#: First bytes of a cuckoo filter's file.
MAGIC = b"BZ3TCF1\0"
_SLOTS = 4
_KICKS = 500


@dataclass(frozen=True, eq=False)
class CuckooFilter:
    """A cuckoo filter (Fan et al., CoNEXT 2014) of hashed observations.

    Four slots a bucket, fingerprints of 32 bits: a foreign observation passes with a chance of about
    8 / 2**32. DP-3T fixes no file format; :meth:`to_bytes` is this project's own.

    Attributes:
        table: ``uint32[buckets, 4]``, 0 for empty.
    """

    table: NDArray[np.uint32]

    @classmethod
    def build(cls, observations: NDArray[np.uint8]) -> CuckooFilter:
        """From ``uint8[n, 32]``, see :meth:`bluezone_sim.protocols.dp3t.keys.observations`.

        Raises:
            TableError: another dtype or shape.
        """
        from ...kernels.lookup.cuckoo import insert

        fingerprint, home = _place(observations)
        bits = max(1, int(len(fingerprint) / _SLOTS / 0.8).bit_length())
        while True:
            table = np.zeros((1 << bits, _SLOTS), np.uint32)
            if insert(table, fingerprint, home, _KICKS) == len(fingerprint):
                return cls(table)
            bits += 1

    def contains(self, observations: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """``bool[n]``: which observations pass."""
        fingerprint, home = _place(observations)
        mask = np.uint64(len(self.table) - 1)
        first = (home & mask).astype(np.int64)
        other = first ^ (_mixed(fingerprint) & mask).astype(np.int64)
        same = fingerprint[:, None]
        return np.asarray(
            (self.table[first] == same).any(axis=1) | (self.table[other] == same).any(axis=1)
        )

    def find(self, sightings: Sightings) -> NDArray[np.int64]:
        """Rows of a phone's sightings whose hashed observation is in the filter."""
        hashed = observations(sightings.identifier, sightings.time_ms // 1000)
        return np.flatnonzero(self.contains(hashed))

    def to_bytes(self) -> bytes:
        """Magic, number of buckets (32-bit little-endian), the table."""
        head = len(self.table).to_bytes(4, "little")
        return MAGIC + head + self.table.astype("<u4").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes, source: str = "filter") -> CuckooFilter:
        """Reads :meth:`to_bytes`.

        Raises:
            FormatError: another magic, a size that is no power of two, or truncated.
        """
        if data[: len(MAGIC)] != MAGIC or len(data) < len(MAGIC) + 4:
            raise FormatError(f"{source}: expected a cuckoo filter, which starts with {MAGIC!r}")
        begin = len(MAGIC) + 4
        n = int.from_bytes(data[len(MAGIC) : begin], "little")
        if n == 0 or n & (n - 1):
            raise FormatError(f"{source}: {n} buckets, expected a power of two")
        if len(data) != begin + 4 * _SLOTS * n:
            raise FormatError(
                f"{source}: expected {begin + 4 * _SLOTS * n} bytes for {n} buckets, found {len(data)}"
            )
        table = np.frombuffer(data, "<u4", offset=begin).astype(np.uint32)
        return cls(table.reshape(n, _SLOTS))


def _place(observations: NDArray[np.uint8]) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
    """Fingerprints (never 0) and home buckets before the mask: both are hash output already."""
    if observations.dtype != np.uint8 or observations.ndim != 2 or observations.shape[1] != 32:
        raise TableError(
            f"observations: expected uint8[n, 32], found {observations.dtype}"
            f"{list(observations.shape)}"
        )
    fixed = np.ascontiguousarray(observations)
    fingerprint = fixed[:, :4].copy().view("<u4")[:, 0].astype(np.uint32)
    fingerprint[fingerprint == 0] = 1
    return fingerprint, fixed[:, 8:16].copy().view("<u8")[:, 0].astype(np.uint64)


def _mixed(fingerprint: NDArray[np.uint32]) -> NDArray[np.uint64]:
    from ...kernels.lookup.cuckoo import MULTIPLIER

    return (fingerprint.astype(np.uint64) * MULTIPLIER) >> np.uint64(32)


# -- the filter as a format of keys ------------------------------------------------------------------


def is_filter(data: bytes) -> bool:
    """Starts as :meth:`CuckooFilter.to_bytes` does."""
    return data.startswith(MAGIC)


def read_filter(data: bytes, source: str = "filter") -> CuckooFilter:
    """See :meth:`CuckooFilter.from_bytes`."""
    return CuckooFilter.from_bytes(data, source)


def keys_of_filter(data: bytes, source: str = "filter") -> PublishedKeys:
    """None: a filter tells no seeds."""
    read_filter(data, source)
    return PublishedKeys(
        np.empty((0, UNLINKABLE_KEY[0]), np.uint8), np.empty(0, np.int64), np.empty(0, np.int32)
    )


def write_filter(published: PublishedKeys) -> bytes:
    """The filter of what phones stored of the seeds' EphIDs."""
    ids = np.empty((len(published), 1, ID_BYTES), np.uint8)
    unlinkable_identifiers(published.key, published.start_s, ids)
    return CuckooFilter.build(observations(ids[:, 0], published.start_s)).to_bytes()
