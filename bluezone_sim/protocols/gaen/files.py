"""``export.bin``: the keys that Apple's and Google's phones download.

Exposure Key export file format and verification (Google, 2020): 16 bytes of header, then a protobuf
message.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, field

import numpy as np

from ...errors import FormatError, RowsError, TableError
from ...tables.rows import PublishedKeys
from ..key_batch import KeyBatch
from .protobuf import bytes_field, fields, number_field, varint

HEADER = b"EK Export v1    "
#: A key without a rolling period is valid for a whole day.
DEFAULT_PERIOD = 144
#: Two million keys, of 28 bytes; no authority published files of more than some megabytes.
MAX_BYTES = 64 << 20
#: Fields of an export that are no keys; real ones have half a dozen.
_MOST_OTHERS = 1024
_FEWEST_KEY_BYTES = 20  # tag, length, tag, length, 16 bytes of key
_MOST_INTERVAL = (1 << 40) // 600  # later is no unix time


@dataclass(frozen=True)
class SignatureInfo:
    """Which key signed, as ``export.bin`` and ``export.sig`` say it."""

    app_bundle_id: str = ""
    android_package: str = ""
    key_version: str = ""
    key_id: str = ""
    #: ECDSA with SHA-256.
    algorithm: str = "1.2.840.10045.4.3.2"


@dataclass(frozen=True)
class ExportInfo(KeyBatch):
    """What an export says besides its keys.

    Attributes:
        signatures: keys that sign it.
        n_revised: how many of the keys revise earlier ones.
    """

    signatures: tuple[SignatureInfo, ...] = field(default_factory=tuple)
    n_revised: int = 0

    def signers(self) -> tuple[str, ...]:
        """Of each signature: key, version, algorithm, whose app it is for, as far as it is told."""
        return tuple(
            ", ".join(
                f"{word} {value}"
                for word, value in (
                    ("key", s.key_id),
                    ("version", s.key_version),
                    ("algorithm", s.algorithm),
                    ("app", s.app_bundle_id or s.android_package),
                )
                if value
            )
            for s in self.signatures
        )


def _text(value: int | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _int(value: int | bytes) -> int:
    number = int.from_bytes(value[:8], "little") if isinstance(value, bytes) else value
    return (
        number - (1 << 64) if number >> 63 == 1 else number
    )  # negative ones are as long as can be


def read_signature_info(data: int | bytes) -> SignatureInfo:
    """Of a message; empty where it does not tell.

    Raises:
        FormatError: the message is broken.
    """
    found = {n: _text(v) for n, v in fields(data)} if isinstance(data, bytes) else {}
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
        RowsError: single keys have an interval number or a rolling period out of range; the first is
            named, and the others can be used.
        FormatError: a broken header, a truncated message, a key of another length; the byte is named.
    """
    published, info = parse_unchecked(data, source)
    faults = key_faults(published)
    if faults:
        bad = np.fromiter(faults, np.int64)
        first = int(bad[0])
        raise RowsError(
            f"{source}: key {first}: {faults[first]}",
            kept=published.take(np.delete(np.arange(len(published)), bad)),
            n=len(faults),
        )
    return published, info


def key_faults(published: PublishedKeys) -> dict[int, str]:
    """Rows of keys that cannot be, ascending, and what is wrong with each."""
    period, start = published.count, published.start_s // 600
    return {
        int(row): f"rolling_period: expected 1 to {DEFAULT_PERIOD}, found {period[row]}"
        if not 1 <= period[row] <= DEFAULT_PERIOD
        else f"rolling_start_interval_number: expected 0 or more, found {start[row]}"
        if start[row] < 0
        else f"rolling_start_interval_number: {start[row]} is no time"
        for row in np.flatnonzero(
            (period < 1) | (period > DEFAULT_PERIOD) | (start < 0) | (start >= _MOST_INTERVAL)
        )
    }


def parse_unchecked(data: bytes, source: str = "export.bin") -> tuple[PublishedKeys, ExportInfo]:
    """As :func:`parse_export`, but keys that cannot be are among the others; see :func:`key_faults`.

    Raises:
        FormatError: a broken header, a truncated message, a key of another length.
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


def _info(message: bytes, n_revised: int) -> ExportInfo:
    found = fields(message)
    last = dict(found)
    return ExportInfo(
        start_s=_int(last.get(1, 0)),
        end_s=_int(last.get(2, 0)),
        region=_text(last.get(3, b"")),
        batch=_int(last.get(4, 0)),
        batches=_int(last.get(5, 0)),
        signatures=tuple(read_signature_info(v) for n, v in found if n == 6),
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
            parts.append(varint(tag << 3 | 1) + value.to_bytes(8, "little"))
    if info.region:
        parts.append(bytes_field(3, info.region.encode()))
    for tag, value in ((4, info.batch), (5, info.batches)):
        if value:
            parts.append(number_field(tag, value))
    parts += [bytes_field(6, signature_info_bytes(s)) for s in info.signatures]
    columns = {
        name: published.meta.get(name, np.full(len(published), ABSENT))
        for name in ("transmission_risk_level", "report_type", "days_since_onset")
    }
    revised = published.meta.get("revised", np.zeros(len(published), bool))
    for i in range(len(published)):
        risk, kind, days = (int(c[i]) for c in columns.values())
        key = bytes_field(1, published.key[i].tobytes())
        key += b"" if risk == ABSENT else number_field(2, risk)
        key += number_field(3, int(published.start_s[i]) // 600)
        key += number_field(4, int(published.count[i]))
        key += b"" if kind == ABSENT else number_field(5, kind)
        key += b"" if days == ABSENT else number_field(6, (days << 1) ^ (days >> 63))
        parts.append(bytes_field(8 if revised[i] else 7, key))
    return b"".join(parts)


def signature_info_bytes(info: SignatureInfo) -> bytes:
    """The message; what is empty is left out."""
    return b"".join(
        bytes_field(tag, text.encode()) for tag, text in enumerate(astuple(info), 1) if text
    )
