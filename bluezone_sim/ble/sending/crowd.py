"""Simulated phones that can go on air: real identifiers, and the keys that a case would publish."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...protocols import bluezone_files, dp3t_files, gaen, gaen_export, tcn
from ...protocols.protocol import DAY_S, KeyProtocol
from ...protocols.registry import get_key_protocol
from ...tables.rows import PublishedKeys

#: Metadata of a simulated GAEN phone: TX power as phones at TX LOW say it (Google's table: -23 to -29).
_TX_POWER_DBM = -25
#: Designs whose phones send a key's identifiers in an order of their own.
_SHUFFLED = ("dp3t-lowcost", "dp3t-hybrid")


@dataclass(frozen=True)
class OnKey:
    """One key of one phone.

    Attributes:
        key: as published.
        secret: what a report is signed with (TCN); else empty.
        start_s: unix seconds at which its validity starts.
        count: intervals that it is published for.
        order: position in which each of its identifiers is sent.
        identifiers: ``uint8[count, id_size]``.
        payload: sent with each identifier; ``uint8[count, k]`` or None.
    """

    key: bytes
    secret: bytes
    start_s: int
    count: int
    order: NDArray[np.int64]
    identifiers: NDArray[np.uint8]
    payload: NDArray[np.uint8] | None


@dataclass
class Crowd:
    """Phones of one protocol.

    Args:
        protocol: name; one that publishes keys.
        phones: how many.
        rotate_s: identifiers change so often, or None as the protocol says. Faster than the protocol
            every identifier is of a key of its own, so that the published keys still match.

    Raises:
        InputError: the protocol publishes no keys, or a number is out of range.
    """

    protocol_name: str
    phones: int
    rotate_s: float | None = None
    protocol: KeyProtocol = field(init=False)
    keys: list[list[OnKey]] = field(init=False)

    def __post_init__(self) -> None:
        self.protocol = get_key_protocol(self.protocol_name)
        if self.phones < 1:
            raise InputError(f"--phones {self.phones}: expected at least 1")
        if self.rotate_s is not None and not 0.1 <= self.rotate_s <= self.protocol.interval_s:
            raise InputError(
                f"--rotate {self.rotate_s:g}: expected 0.1 to {self.protocol.interval_s} seconds, or "
                "real"
            )
        self.keys = [[] for _ in range(self.phones)]
        self._until_s = [0.0] * self.phones

    def slot(self, time_s: float) -> tuple[float, float]:
        """When the identifier on air at a time came up, and when the next one does, unix seconds."""
        interval = self.protocol.interval_s
        start = time_s // interval * interval
        if self.rotate_s is None:
            return start, start + interval
        begun = start + (time_s - start) // self.rotate_s * self.rotate_s
        return begun, min(begun + self.rotate_s, start + interval)

    def identifier(self, phone: int, time_s: float) -> tuple[bytes, bytes]:
        """(identifier, payload) that a phone sends at a time; times must not fall."""
        if not self.keys[phone] or time_s >= self._until_s[phone]:
            self._next_key(phone, time_s)
        on = self.keys[phone][-1]
        at = 0
        if self.rotate_s is None:
            at = int((time_s - on.start_s) // self.protocol.interval_s)
        at = int(on.order[at % on.count])
        payload = b"" if on.payload is None else on.payload[at].tobytes()
        return on.identifiers[at].tobytes(), payload

    def _next_key(self, phone: int, time_s: float) -> None:
        p = self.protocol
        span = p.intervals_per_key * p.interval_s
        start = int(time_s // span * span)
        if self.rotate_s is None:
            self._until_s[phone] = start + span
        else:
            _, self._until_s[phone] = self.slot(time_s)
            if p.name not in _SHUFFLED:
                start = int(time_s // p.interval_s * p.interval_s)
        alone = self.rotate_s is not None and p.name not in _SHUFFLED
        self.keys[phone].append(self._key(phone, start, 1 if alone else p.intervals_per_key))

    def _key(self, phone: int, start_s: int, count: int) -> OnKey:
        p, before = self.protocol, self.keys[phone]
        secret, key = b"", secrets.token_bytes(p.key_size)
        if p.name == "tcn":
            secret = secrets.token_bytes(32)
            key = b"".join(tcn.first_contact_key(secret))
        elif before and self.rotate_s is None and hasattr(p, "daily_keys"):
            days = (start_s - before[-1].start_s) // DAY_S
            key = p.daily_keys(_rows(before[-1].key), days + 1)[0, days].tobytes()
        identifiers = p.identifiers(_rows(key), np.array([start_s], np.int64), count)[0]
        payload = None
        if p.name == "gaen":
            plain = np.repeat(gaen.metadata(_TX_POWER_DBM), count, axis=0)
            payload = gaen.crypt_metadata(np.repeat(_rows(key), count, axis=0), identifiers, plain)
        order = np.arange(count)
        if p.name in _SHUFFLED:
            order = np.random.default_rng(secrets.randbits(64)).permutation(count)
        return OnKey(key, secret, start_s, count, order, identifiers, payload)

    def published(self) -> PublishedKeys:
        """Keys used so far, as a case would publish them."""
        used = [k for phone in self.keys for k in phone]
        size = self.protocol.key_size
        return PublishedKeys(
            key=np.frombuffer(b"".join(k.key for k in used), np.uint8).reshape(-1, size).copy(),
            start_s=np.array([k.start_s for k in used], np.int64),
            count=np.array([k.count for k in used], np.int32),
        )

    def key_file(self) -> bytes:
        """The keys used so far in the protocol's own published format."""
        name = self.protocol.name
        return PUBLISHED[name](self.published()) if name in PUBLISHED else _DERIVED[name](self)


def _rows(key: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(key, np.uint8).reshape(1, -1).copy()


def _tcn_reports(crowd: Crowd) -> bytes:
    """Signed reports, one after the other."""
    used = [k for phone in crowd.keys for k in phone]
    return b"".join(tcn.write_report(k.secret, 1, k.count) for k in used)


def _cuckoo_filter(crowd: Crowd) -> bytes:
    from ...protocols.dp3t import Unlinkable

    used = [k for phone in crowd.keys for k in phone]
    ids = np.concatenate([k.identifiers for k in used])
    starts = np.repeat([k.start_s for k in used], [k.count for k in used])
    return dp3t_files.CuckooFilter.build(Unlinkable().observations(ids, starts)).to_bytes()


#: Writers of the protocols that publish keys as they are.
PUBLISHED: dict[str, Callable[[PublishedKeys], bytes]] = {
    "bluezone": bluezone_files.write_f0_message,
    "gaen": gaen_export.write_export,
    "dp3t-lowcost": dp3t_files.write_list,
    "dp3t-hybrid": dp3t_files.write_list,
}
#: Writers of those that publish something made from them.
_DERIVED: dict[str, Callable[[Crowd], bytes]] = {
    "dp3t-unlinkable": _cuckoo_filter,
    "tcn": _tcn_reports,
}

#: Usual ending of a protocol's key file.
ENDINGS = {"bluezone": ".json", "gaen": ".bin", "dp3t-unlinkable": ".cuckoo", "tcn": ".tcn"}


def key_file_name(protocol: str) -> str:
    """Where keys go unless the user says otherwise."""
    return f"{protocol}-keys{ENDINGS.get(protocol, '.json')}"
