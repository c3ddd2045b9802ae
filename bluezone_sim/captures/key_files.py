"""Files of published keys in every system's own format, told by their content."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import protocols
from ..errors import FormatError, InputError
from ..protocols.protocol import Protocol
from ..tables.rows import PublishedKeys, Sightings
from .importing import told_by_content

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    from ..protocols.dp3t.files import CuckooFilter

_ZIP = b"PK\x03\x04"
#: More than any authority publishes at once.
_MOST_BYTES = 1 << 30


@dataclass(frozen=True)
class KeyFile:
    """What a file publishes.

    Attributes:
        path: the file.
        format: in words.
        protocol: name of the system.
        published_for: the keys, given the sightings that they will be looked up in: some formats leave
            times open that depend on when a phone looks.
        cuckoo: the filter, where that is what is published.
        verified: a signature was checked.
    """

    path: Path
    format: str
    protocol: str
    published_for: Callable[[Sightings], PublishedKeys]
    cuckoo: CuckooFilter | None = None
    verified: bool = False


def read_keys(path: Path, protocol: str | None = None, public_key: Path | None = None) -> KeyFile:
    """Reads a file of keys.

    Args:
        path: Bluezone's message, ``export.bin`` or the zip that holds it, a DP-3T list or cuckoo filter,
            TCN reports.
        protocol: what it must be of; decides between designs of DP-3T.
        public_key: PEM file; the export must be signed by it. Beside an ``export.bin`` its ``export.sig``
            is looked for.

    Raises:
        InputError: a file cannot be read, or the keys are of another protocol than asked for.
        FormatError: a file is at fault.
        SignatureError: a signature does not verify.
    """
    if protocol is not None:
        protocols.get_key_protocol(protocol)
    data = _read(path)
    if not data.strip():
        raise FormatError(f"{path}: empty; expected published keys")
    with contextlib.suppress(FormatError):  # none of them: as it should be
        heard = told_by_content(path)
        raise InputError(
            f"{path}: {heard}, which holds what a phone heard; expected published keys. Are --keys and "
            "--history the wrong way round?"
        )
    found = _parse(path, data, protocol, public_key)
    if protocol is not None and found.protocol != protocol:
        raise InputError(
            f"{path}: {found.format} of {found.protocol}, but --protocol asks for {protocol}"
        )
    if public_key is not None and not found.verified:
        raise InputError(
            f"{path}: {found.format} carries no signature that --public-key could verify"
        )
    return found


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise FormatError(f"{path}: more than {_MOST_BYTES >> 20:,} MiB, so no file of keys")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def _parse(path: Path, data: bytes, protocol: str | None, public_key: Path | None) -> KeyFile:
    from ..protocols.dp3t import files as dp3t_files
    from ..protocols.gaen import files as gaen_export

    source = str(path)
    if data.startswith((_ZIP, gaen_export.HEADER[:8])):
        return _export(path, data, None if public_key is None else _public_key(public_key))
    if data.startswith(dp3t_files.MAGIC):
        cuckoo = dp3t_files.CuckooFilter.from_bytes(data, source)
        none = PublishedKeys(
            np.empty((0, 32), np.uint8), np.empty(0, np.int64), np.empty(0, np.int32)
        )
        return KeyFile(path, "a cuckoo filter", "dp3t-unlinkable", lambda _: none, cuckoo)
    if _printable(data):
        return _json(path, data, protocol)
    return _reports(path, data)


def _printable(data: bytes) -> bool:
    return all(c >= 0x20 or c in b"\t\r\n" for c in data[:64])


def _export(path: Path, data: bytes, key: EllipticCurvePublicKey | None) -> KeyFile:
    from ..protocols.gaen import files as gaen_export

    if data.startswith(_ZIP):
        published, _ = gaen_export.parse_export_zip(data, str(path), key)
        return KeyFile(path, "an export", "gaen", lambda _: published, verified=key is not None)
    if key is not None:
        beside = path.with_suffix(".sig")
        gaen_export.verify_signature(data, _read(beside), key, str(beside))
    published, _ = gaen_export.parse_export(data, str(path))
    return KeyFile(path, "an export", "gaen", lambda _: published, verified=key is not None)


def _public_key(path: Path) -> EllipticCurvePublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm):
        raise FormatError(
            f"{path}: expected a public key in PEM (-----BEGIN PUBLIC KEY-----)"
        ) from None
    if not isinstance(key, EllipticCurvePublicKey):
        raise FormatError(f"{path}: expected a key of ECDSA on P-256, found another kind")
    return key


def _json(path: Path, data: bytes, protocol: str | None) -> KeyFile:
    """Bluezone's message or a list of DP-3T; anything else is told as a faulty message."""
    from ..protocols.bluezone.files import parse_f0_message
    from ..protocols.dp3t.files import parse_list, walked_until

    try:
        raw = json.loads(data)
    except (ValueError, RecursionError):
        raw = None
    if not isinstance(raw, dict) or "exposed" not in raw:
        published = parse_f0_message(data, str(path))
        return KeyFile(path, "a message", "bluezone", lambda _: published)
    name = protocol if protocol in ("dp3t-lowcost", "dp3t-hybrid") else _dp3t_design(raw["exposed"])
    system = protocols.get_key_protocol(name)
    keys = parse_list(data, system.key_size, system.intervals_per_key, str(path))

    def published_for(sightings: Sightings) -> PublishedKeys:
        # Phones walk a low-cost chain up to the day on which they look.
        latest_ms = int(sightings.time_ms.max(initial=0))
        return walked_until(keys, latest_ms) if name == "dp3t-lowcost" else keys

    return KeyFile(path, "a list of keys", name, published_for)


def _dp3t_design(entries: object) -> str:
    """Low-cost keys have 32 bytes, 44 characters; hybrid seeds 16 and 24."""
    first = entries[0] if isinstance(entries, list) and entries else None
    key = first.get("key") if isinstance(first, dict) else None
    return "dp3t-hybrid" if isinstance(key, str) and len(key) == 24 else "dp3t-lowcost"


def _no_keys(data: bytes) -> str:
    return (
        "not a file of keys; expected Bluezone's message, an export.bin or its zip, a DP-3T list or "
        f"cuckoo filter, or TCN reports; it starts with {data[:8].hex()}"
    )


def _reports(path: Path, data: bytes) -> KeyFile:
    """Signed reports of TCN, one after the other."""
    from ..protocols.tcn.files import SIGNATURE_BYTES, parse_report

    parts: list[PublishedKeys] = []
    at = 0
    while at < len(data):
        size = 70 + data[at + 69] + SIGNATURE_BYTES if at + 70 <= len(data) else 0
        if not size or at + size > len(data):
            if not parts:
                raise FormatError(f"{path}: {_no_keys(data)}")
            raise FormatError(f"{path}: report {len(parts) + 1} at byte {at} is truncated")
        try:
            parts.append(parse_report(data[at : at + size], f"report {len(parts) + 1}")[0])
        except FormatError as error:
            # Any bytes might be a first report.
            why = str(error) if parts else f"{_no_keys(data)}. As TCN reports: {error}"
            raise FormatError(f"{path}: {why}") from None
        at += size
    system: Protocol = protocols.get_key_protocol("tcn")

    def published_for(sightings: Sightings) -> PublishedKeys:
        # Reports tell no times: they match what a phone still keeps, its latest second included.
        latest_s = -(-int(sightings.time_ms.max(initial=0)) // 1000)
        start_s = max(0, latest_s - system.retention_s)
        n = len(parts)
        return PublishedKeys(
            key=np.concatenate([p.key for p in parts]),
            start_s=np.full(n, start_s, np.int64),
            count=np.concatenate([p.count for p in parts]),
            meta={"start_index": np.concatenate([p.meta["start_index"] for p in parts])},
        )

    return KeyFile(path, "reports", "tcn", published_for, verified=False)
