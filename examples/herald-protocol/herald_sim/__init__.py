"""Herald's simple payload, made small: a secret matching key a day, 240 contact identifiers of each.

A day's key is hashed 240 times; the hashes go on air backwards, cut to 16 bytes, six minutes each, so
that nobody who hears one can tell the next. A case publishes its days' keys. How identifiers look on air
and in a file is made for this example: Herald's phones neither send nor hear it.
"""

from __future__ import annotations

import base64
import binascii
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from bluezone_sim import FormatError, PublishedKeys
from bluezone_sim.protocols import KeyFormat, Keys, Protocol, Wire, ad, ratchet

PER_DAY, KEY_BYTES, ID_BYTES = 240, 32, 16
#: Not Herald's, which is a UUID of 128 bits: it has to leave room for the identifier.
SERVICE = 0xFCF6
_HEAD = b"herald-keys 1\n"
_HERE = files(__name__)


def identifiers(
    keys: NDArray[np.uint8],
    starts_s: NDArray[np.int64],
    out: NDArray[np.uint8],
    *,
    threads: int = 1,
) -> None:
    """A day's identifiers, the first of the day first: the end of its chain."""
    backwards = ratchet(keys, PER_DAY, threads=threads)[:, :0:-1]
    out[:] = backwards[:, : out.shape[1], :ID_BYTES]


def build(identifier: bytes, payload: bytes = b"") -> bytes:
    """Advertising data: the service, and the identifier as its data."""
    return ad.with_service_data(SERVICE, identifier, flags=0x02)


def parse(structures: list[tuple[int, bytes]]) -> tuple[bytes, bytes] | None:
    """(identifier, payload) of AD structures of this form; None where they are of another."""
    sent = ad.service_data(structures, SERVICE)
    return (sent, b"") if sent is not None and len(sent) == ID_BYTES else None


def sniff(data: bytes) -> bool:
    """A file that :func:`write` made, by its first line."""
    return data.startswith(_HEAD)


def read(data: bytes, source: str) -> PublishedKeys:
    """Published keys: ``<first second> <key in base64>`` a line.

    Raises:
        FormatError: a line is at fault; it is named.
    """
    starts, keys = [], []
    for number, line in enumerate(data[len(_HEAD) :].splitlines(), 2):
        try:
            start, text = line.split()
            starts.append(int(start))
            keys.append(base64.b64decode(text, validate=True))
        except (ValueError, binascii.Error):
            raise FormatError(f"{source}, line {number}: expected a time and a key") from None
        if len(keys[-1]) != KEY_BYTES:
            raise FormatError(f"{source}, line {number}: expected a key of {KEY_BYTES} bytes")
    return PublishedKeys(
        key=np.frombuffer(b"".join(keys), np.uint8).reshape(-1, KEY_BYTES).copy(),
        start_s=np.array(starts, np.int64),
        count=np.full(len(keys), PER_DAY, np.int32),
    )


def write(published: PublishedKeys) -> bytes:
    """What :func:`read` reads."""
    rows = zip(published.start_s.tolist(), published.key, strict=True)
    lines = [b"%d %s\n" % (start, base64.b64encode(key.tobytes())) for start, key in rows]
    return _HEAD + b"".join(lines)


HERALD = Protocol(
    name="herald",
    title="Herald, simple payload made small",
    source="Herald Project, Simple Payload; chain, form on air and key file made small for this example",
    id_bytes=ID_BYTES,
    interval_s=86_400 // PER_DAY,
    retention_s=14 * 86_400,
    keys=Keys(bytes=KEY_BYTES, per_key=PER_DAY, identifiers=identifiers),
    wire=Wire(services=(SERVICE,), build=build, parse=parse),
    radio=_HERE / "herald.toml",
    record_mib=0.05,  # rounded up from what systems that keep every row take (TCN, 0.056)
    files=(KeyFormat("a list of Herald keys", ".txt", sniff, read, write),),
    vectors=_HERE / "herald.json",
)
