"""Exposure key exports of Apple and Google: ``export.bin``, ``export.sig``, the zip that holds both.

Exposure Key export file format and verification (Google, 2020): 16 bytes of header, then a protobuf
message; the signature file is a protobuf list of ECDSA P-256 signatures over all of ``export.bin``.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import astuple, dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ...errors import FormatError, SignatureError, TableError
from ...tables.rows import PublishedKeys

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )

HEADER = b"EK Export v1    "
_ZIP = b"PK\x03\x04"
#: A key without a rolling period is valid for a whole day.
DEFAULT_PERIOD = 144
#: No authority published files of more than some megabytes; this is refused before it is inflated.
MAX_BYTES = 256 << 20
#: Fields of an export that are no keys; real ones have half a dozen.
_MOST_OTHERS = 1024
_FEWEST_KEY_BYTES = 20  # tag, length, tag, length, 16 bytes of key


@dataclass(frozen=True)
class SignatureInfo:
    """Which key signed, as ``export.bin`` and ``export.sig`` say it."""

    app_bundle_id: str = ""
    android_package: str = ""
    key_version: str = ""
    key_id: str = ""
    #: ECDSA with SHA-256, the only one there is.
    algorithm: str = "1.2.840.10045.4.3.2"


@dataclass(frozen=True)
class ExportInfo:
    """What an export says besides its keys.

    Attributes:
        start_s, end_s: time window of the batch, unix seconds; 0 where it is not told.
        region: usually a country code.
        batch, batches: number of this file, of how many; 0 where it is not told.
        signatures: keys that sign it.
        n_revised: how many of the keys revise earlier ones.
    """

    start_s: int = 0
    end_s: int = 0
    region: str = ""
    batch: int = 0
    batches: int = 0
    signatures: tuple[SignatureInfo, ...] = field(default_factory=tuple)
    n_revised: int = 0


# -- wire format -------------------------------------------------------------------------------------


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(tag: int, value: int) -> bytes:
    return _varint(tag << 3) + _varint(value)


def _bytes(tag: int, value: bytes) -> bytes:
    return _varint(tag << 3 | 2) + _varint(len(value)) + value


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for i in range(10):
        if at + i >= len(data):
            break
        value |= (data[at + i] & 127) << (7 * i)
        if data[at + i] < 128:
            return value, at + i + 1
    raise FormatError(f"byte {at}: a number is truncated")


def _fields(data: bytes) -> list[tuple[int, int | bytes]]:
    """(field number, value) of a message.

    Raises:
        FormatError: the message is broken; the byte is named.
    """
    out: list[tuple[int, int | bytes]] = []
    at = 0
    while at < len(data):
        begin = at
        tag, at = _read_varint(data, at)
        number, wire = tag >> 3, tag & 7
        value: int | bytes
        if wire == 0:
            value, at = _read_varint(data, at)
        elif wire in (1, 5, 2):
            size = {1: 8, 5: 4}.get(wire, 0)
            if wire == 2:
                size, at = _read_varint(data, at)
            if at + size > len(data):
                raise FormatError(f"byte {begin}: field {number} runs past the end")
            value = data[at : at + size]
            at += size
        else:
            raise FormatError(f"byte {begin}: wire type {wire} does not exist")
        out.append((number, value))
    return out


def _text(value: int | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _int(value: int | bytes) -> int:
    return int.from_bytes(value, "little") if isinstance(value, bytes) else value


def _signature_info(data: int | bytes) -> SignatureInfo:
    found = {n: _text(v) for n, v in _fields(data)} if isinstance(data, bytes) else {}
    return SignatureInfo(*(found.get(number, "") for number in range(1, 6)))


# -- export.bin --------------------------------------------------------------------------------------


def parse_export(data: bytes, source: str = "export.bin") -> tuple[PublishedKeys, ExportInfo]:
    """Reads ``export.bin``.

    Args:
        data: its bytes.
        source: name of the file, for errors.

    Returns:
        Keys: ``count`` is each key's own rolling period; ``meta`` holds ``transmission_risk_level``,
        ``report_type``, ``days_since_onset`` (``int64``, minimum where not told) and ``revised``.
        And what else the file says.

    Raises:
        FormatError: a broken header, a truncated message, a key of another length, an interval number
            or a rolling period out of range; the byte or the key is named.
    """
    from ...kernels import protobuf

    if data[: len(HEADER)] != HEADER:
        raise FormatError(
            f"{source}: expected the header {HEADER!r}, found {data[: len(HEADER)]!r}"
        )
    if len(data) > MAX_BYTES:
        raise FormatError(f"{source}: {len(data):,} bytes, expected at most {MAX_BYTES:,}")
    raw = np.frombuffer(data, np.uint8)
    most = (len(data) - len(HEADER)) // _FEWEST_KEY_BYTES + 1
    key = np.empty((most, 16), np.uint8)
    numbers = np.empty((most, 6), np.int64)
    others = np.empty((_MOST_OTHERS, 2), np.int64)
    fault, at, n, n_others = protobuf.walk_export(raw, len(HEADER), key, numbers, others)
    if fault:
        what = {
            protobuf.TRUNCATED: "a field runs past the end; is the file truncated?",
            protobuf.WIRE_TYPE: "a field of a kind that does not belong here",
            protobuf.KEY_LENGTH: "key data of another length than 16 bytes",
            protobuf.RANGE: "a number outside 32 bits",
            protobuf.TOO_MANY: f"more than {_MOST_OTHERS} fields that are no keys",
        }[fault]
        raise FormatError(f"{source}: byte {at}, key {n}: {what}")
    key, numbers = key[:n].copy(), numbers[:n]
    start, period = numbers[:, protobuf.START].copy(), numbers[:, protobuf.PERIOD].copy()
    start[start == protobuf.ABSENT] = 0
    period[period == protobuf.ABSENT] = DEFAULT_PERIOD
    _check(start, period, source)
    try:
        rest = b"".join(data[a:b] for a, b in others[:n_others].tolist())
        info = _info(rest, int(numbers[:, protobuf.REVISED].sum()))
    except FormatError as error:
        raise FormatError(f"{source}: {error}") from None
    meta = {
        "transmission_risk_level": numbers[:, protobuf.RISK],
        "report_type": numbers[:, protobuf.REPORT_TYPE],
        "days_since_onset": numbers[:, protobuf.DAYS_SINCE_ONSET],
        "revised": numbers[:, protobuf.REVISED].astype(bool),
    }
    return PublishedKeys(key, start * 600, period.astype(np.int32), meta), info


def _check(start: np.ndarray, period: np.ndarray, source: str) -> None:
    bad = np.flatnonzero((period < 1) | (period > DEFAULT_PERIOD))
    if len(bad):
        raise FormatError(
            f"{source}: key {bad[0]}: rolling_period: expected 1 to {DEFAULT_PERIOD}, found "
            f"{period[bad[0]]}"
        )
    bad = np.flatnonzero(start < 0)
    if len(bad):
        raise FormatError(
            f"{source}: key {bad[0]}: rolling_start_interval_number: expected 0 or more, found "
            f"{start[bad[0]]}"
        )


def _info(message: bytes, n_revised: int) -> ExportInfo:
    found = _fields(message)
    last = dict(found)
    return ExportInfo(
        start_s=_int(last.get(1, 0)),
        end_s=_int(last.get(2, 0)),
        region=_text(last.get(3, b"")),
        batch=_int(last.get(4, 0)),
        batches=_int(last.get(5, 0)),
        signatures=tuple(_signature_info(v) for n, v in found if n == 6),
        n_revised=n_revised,
    )


def write_export(published: PublishedKeys, info: ExportInfo | None = None) -> bytes:
    """``export.bin`` of some keys.

    Raises:
        TableError: a start is not the start of an interval, or a rolling period is out of range.
    """
    from ...kernels.protobuf import ABSENT
    from .keys import check_keys

    check_keys(published)
    if np.any(published.count < 1):
        raise TableError("published.count: expected rolling periods of 1 to 144")
    info = info or ExportInfo()
    parts = [HEADER]
    for tag, value in ((1, info.start_s), (2, info.end_s)):
        if value:
            parts.append(_varint(tag << 3 | 1) + value.to_bytes(8, "little"))
    if info.region:
        parts.append(_bytes(3, info.region.encode()))
    for tag, value in ((4, info.batch), (5, info.batches)):
        if value:
            parts.append(_number(tag, value))
    parts += [_bytes(6, _signature_info_bytes(s)) for s in info.signatures]
    columns = {
        name: published.meta.get(name, np.full(len(published), ABSENT))
        for name in ("transmission_risk_level", "report_type", "days_since_onset")
    }
    revised = published.meta.get("revised", np.zeros(len(published), bool))
    for i in range(len(published)):
        risk, kind, days = (int(c[i]) for c in columns.values())
        key = _bytes(1, published.key[i].tobytes())
        key += b"" if risk == ABSENT else _number(2, risk)
        key += _number(3, int(published.start_s[i]) // 600) + _number(4, int(published.count[i]))
        key += b"" if kind == ABSENT else _number(5, kind)
        key += b"" if days == ABSENT else _number(6, (days << 1) ^ (days >> 63))
        parts.append(_bytes(8 if revised[i] else 7, key))
    return b"".join(parts)


def _signature_info_bytes(info: SignatureInfo) -> bytes:
    return b"".join(_bytes(tag, text.encode()) for tag, text in enumerate(astuple(info), 1) if text)


# -- export.sig and the zip --------------------------------------------------------------------------


def write_signature(
    export: bytes, private_key: EllipticCurvePrivateKey, info: SignatureInfo | None = None
) -> bytes:
    """``export.sig``: one signature over ``export.bin``."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

    signature = private_key.sign(export, ECDSA(hashes.SHA256()))
    entry = _bytes(1, _signature_info_bytes(info or SignatureInfo()))
    return _bytes(1, entry + _number(2, 1) + _number(3, 1) + _bytes(4, signature))


def verify_signature(
    export: bytes,
    signatures: bytes,
    public_key: EllipticCurvePublicKey,
    source: str = "export.sig",
) -> None:
    """Checks that one of the signatures is the key's.

    Raises:
        FormatError: the signature file is broken.
        SignatureError: none of the signatures verifies.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

    try:
        entries = [v for n, v in _fields(signatures) if n == 1 and isinstance(v, bytes)]
        found = [v for e in entries for n, v in _fields(e) if n == 4 and isinstance(v, bytes)]
    except FormatError as error:
        raise FormatError(f"{source}: {error}") from None
    if not found:
        raise FormatError(f"{source}: holds no signature")
    for signature in found:
        try:
            public_key.verify(signature, export, ECDSA(hashes.SHA256()))
        except InvalidSignature:
            continue
        return
    raise SignatureError(f"{source}: none of {len(found)} signatures verifies with the key given")


def parse_export_zip(
    data: bytes, source: str = "export.zip", public_key: EllipticCurvePublicKey | None = None
) -> tuple[PublishedKeys, ExportInfo]:
    """Reads ``export.zip``: ``export.bin``, and ``export.sig`` where a public key is given.

    Raises:
        FormatError: not a zip, a member is missing, or too large when inflated.
        SignatureError: the signature does not verify.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            export = _member(archive, "export.bin", MAX_BYTES, source)
            if public_key is not None:
                signatures = _member(archive, "export.sig", 1 << 20, source)
                verify_signature(export, signatures, public_key, f"{source}: export.sig")
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{source}: not a zip file that can be read ({error})") from None
    return parse_export(export, f"{source}: export.bin")


def _member(archive: zipfile.ZipFile, name: str, most: int, source: str) -> bytes:
    """One member, inflated no further than ``most`` bytes, whatever the archive claims."""
    import zlib

    try:
        info = archive.getinfo(name)
    except KeyError:
        raise FormatError(
            f"{source}: holds no {name}, only {', '.join(archive.namelist()[:5]) or 'nothing'}"
        ) from None
    if info.file_size > most:
        raise FormatError(f"{source}: {name}: {info.file_size:,} bytes, expected at most {most:,}")
    try:
        with archive.open(info) as stream:
            out = stream.read(most + 1)
    except zlib.error as error:
        raise FormatError(f"{source}: {name}: cannot be inflated ({error})") from None
    if len(out) > most:
        raise FormatError(f"{source}: {name}: more than {most:,} bytes when inflated")
    return out


def write_export_zip(
    published: PublishedKeys,
    private_key: EllipticCurvePrivateKey,
    info: ExportInfo | None = None,
    signature_info: SignatureInfo | None = None,
) -> bytes:
    """A signed ``export.zip``."""
    export = write_export(published, info)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("export.bin", export)
        archive.writestr("export.sig", write_signature(export, private_key, signature_info))
    return out.getvalue()


# -- as a format of keys -----------------------------------------------------------------------------


def is_export(data: bytes) -> bool:
    """``export.bin``, or a zip."""
    return data.startswith((_ZIP, HEADER[:8]))


def read_keys(data: bytes, source: str) -> PublishedKeys:
    """Keys of an ``export.bin`` or of the zip that holds it.

    Raises:
        FormatError: it is broken.
    """
    parse = parse_export_zip if data.startswith(_ZIP) else parse_export
    return parse(data, source)[0]


def verify(
    data: bytes,
    source: str,
    public_key: EllipticCurvePublicKey,
    beside: Callable[[str], tuple[bytes, str]],
) -> None:
    """Checks the signature in the zip, or in the ``export.sig`` beside an ``export.bin``.

    Raises:
        FormatError: a file is broken.
        SignatureError: the signature does not verify.
    """
    if data.startswith(_ZIP):
        parse_export_zip(data, source, public_key)
    else:
        signatures, name = beside(".sig")
        verify_signature(data, signatures, public_key, name)
