"""``export.zip``: keys and their signatures, as phones take them.

Exposure Key export file format and verification (Google, 2020): a zip of ``export.bin`` and
``export.sig``, which is a protobuf list of ECDSA P-256 signatures over all of ``export.bin``.

What phones refuse is read in Google's code for Android (google/exposure-notifications-internals:
ProvideDiagnosisKeys, SignatureVerifier, TemporaryExposureKey) and in Apple's documentation ("Setting Up a
Key Server").
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...errors import FormatError, SignatureError
from ...kernels.protobuf import ABSENT
from ...reading.packed import member_of, zip_of
from ...tables.rows import PublishedKeys
from ..key_batch import Refusal
from . import files
from .files import (
    DEFAULT_PERIOD,
    HEADER,
    ExportInfo,
    SignatureInfo,
    key_faults,
    parse_export,
    parse_unchecked,
    read_signature_info,
    signature_info_bytes,
)
from .protobuf import bytes_field, fields, number_field

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )

_ZIP = b"PK\x03\x04"
_KEYS, _SIGNATURES = "export.bin", "export.sig"
_MOST_SIGNATURE_BYTES = 1 << 20
#: One a version of an authority's key, and each is verified over all of the export.
_MOST_SIGNATURES = 64
#: How many times its size a zip of keys may hold, and what it may hold at any rate.
_RATIO, _ALWAYS = 8, 4 << 20
#: ECDSA with SHA-256. Android's code also names 1.2.840.10045.4.3.4 (SHA-512); iPhones do not take it.
ALGORITHM = "1.2.840.10045.4.3.2"
#: Highest transmission risk level.
_MOST_RISK = 8
_ANDROID = "google/exposure-notifications-internals, "
_APPLE = "Apple, Setting Up a Key Server"


# -- export.sig --------------------------------------------------------------------------------------


def write_signature(
    export: bytes, private_key: EllipticCurvePrivateKey, info: SignatureInfo | None = None
) -> bytes:
    """``export.sig``: one signature over ``export.bin``."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

    signature = private_key.sign(export, ECDSA(hashes.SHA256()))
    entry = bytes_field(1, signature_info_bytes(info or SignatureInfo()))
    entry += number_field(2, 1) + number_field(3, 1) + bytes_field(4, signature)
    return bytes_field(1, entry)


def read_signatures(
    data: bytes, source: str = _SIGNATURES
) -> tuple[tuple[SignatureInfo, bytes], ...]:
    """Signatures of an ``export.sig``, each with what it says of its key.

    Raises:
        FormatError: the file is broken.
    """
    try:
        entries = [dict(fields(v)) for n, v in fields(data) if n == 1 and isinstance(v, bytes)]
        if len(entries) > _MOST_SIGNATURES:
            raise FormatError(f"{len(entries):,} signatures, expected at most {_MOST_SIGNATURES}")
        return tuple(
            (read_signature_info(entry.get(1, b"")), bytes(signature))
            for entry in entries
            if isinstance(signature := entry.get(4), bytes)
        )
    except FormatError as error:
        raise FormatError(f"{source}: {error}") from None


def verify_signature(
    export: bytes, signatures: bytes, public_key: EllipticCurvePublicKey, source: str = _SIGNATURES
) -> None:
    """Checks that one of the signatures is the key's.

    Raises:
        FormatError: the signature file is broken.
        SignatureError: none of the signatures verifies.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

    found = read_signatures(signatures, source)
    if not found:
        raise FormatError(f"{source}: holds no signature")
    for _, signature in found:
        try:
            public_key.verify(signature, export, ECDSA(hashes.SHA256()))
        except InvalidSignature:
            continue
        return
    raise SignatureError(f"{source}: none of {len(found)} signatures verifies with the key given")


# -- the zip -----------------------------------------------------------------------------------------


def parse_export_zip(
    data: bytes, source: str = "export.zip", public_key: EllipticCurvePublicKey | None = None
) -> tuple[PublishedKeys, ExportInfo]:
    """Reads ``export.zip``: ``export.bin``, and ``export.sig`` where a public key is given.

    Raises:
        RowsError: single keys are at fault.
        FormatError: not a zip, a member is missing, or too large when inflated.
        SignatureError: the signature does not verify.
    """
    export, signatures, _ = _members(data, source)
    if public_key is not None:
        if signatures is None:
            raise FormatError(f"{source}: holds no {_SIGNATURES}")
        verify_signature(export, signatures, public_key, f"{source}: {_SIGNATURES}")
    return parse_export(export, f"{source}: {_KEYS}")


def _members(data: bytes, source: str) -> tuple[bytes, bytes | None, list[str]]:
    """``export.bin``, ``export.sig`` where it is there, and the names of all members.

    Raises:
        FormatError: not a zip, ``export.bin`` is missing, or one is too large when inflated.
    """
    with zip_of(io.BytesIO(data), source) as archive:
        names = archive.namelist()
        export = _member(archive, _KEYS, _most(len(data)), source)
        signatures = None
        if _SIGNATURES in names:
            signatures = _member(archive, _SIGNATURES, _MOST_SIGNATURE_BYTES, source)
    return export, signatures, names


def _most(packed: int) -> int:
    """How much a zip of so many bytes may hold: keys are random, and do not shrink."""
    return min(files.MAX_BYTES, max(_ALWAYS, _RATIO * packed))


def _member(archive: zipfile.ZipFile, name: str, most: int, source: str) -> bytes:
    """One member, inflated no further than ``most`` bytes, whatever the archive claims."""
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise FormatError(
            f"{source}: holds no {name}, only {', '.join(archive.namelist()[:5]) or 'nothing'}"
        ) from None
    if info.file_size > most:
        raise FormatError(
            f"{source}: {name}: {info.file_size:,} bytes, expected at most {most:,} of such a zip; give "
            f"the {name} itself"
        )
    with member_of(archive, info, f"{source}: {name}") as stream:
        out = stream.read(most + 1)
    if len(out) > most:
        raise FormatError(f"{source}: {name}: more than {most:,} bytes when inflated")
    return out


# -- what phones refuse ------------------------------------------------------------------------------


def _refusals(
    published: PublishedKeys,
    info: ExportInfo,
    signed: tuple[SignatureInfo, ...] | None,
    names: list[str] | None,
) -> Iterator[Refusal]:
    """Of an export.

    Args:
        published, info: as :func:`parse_unchecked` gives them.
        signed: what ``export.sig`` says of its signatures; None where there is none.
        names: members of the zip; None where it is a bare ``export.bin``.
    """
    if names is not None:
        yield from _refused_members(names)
    if signed is not None:
        yield from _refused_signatures(info, signed)
    # Android reads the algorithm in export.sig alone, so export.bin need not tell it.
    told = [
        (f"{_KEYS}: signature_infos[{i}]", s) for i, s in enumerate(info.signatures) if s.algorithm
    ]
    told += [(f"{_SIGNATURES}[{i}]", s) for i, s in enumerate(signed or ())]
    for where, entry in told:
        if entry.algorithm != ALGORITHM:
            found = repr(entry.algorithm) if entry.algorithm else "nothing"
            yield Refusal(
                "all",
                f"{where}.signature_algorithm: expected the object identifier {ALGORITHM}, found {found}",
                f"{_ANDROID}SignatureVerifier; {_APPLE}",
                unverified=True,
            )
    yield from _refused_batches(info)
    yield from _refused_keys(published)


def _refused_members(names: list[str]) -> Iterator[Refusal]:
    source = f"{_ANDROID}ProvideDiagnosisKeys"
    others = [name for name in names if name not in (_KEYS, _SIGNATURES)]
    if others:
        yield Refusal(
            "all",
            f"members beside {_KEYS} and {_SIGNATURES}: {', '.join(others[:5])}",
            source,
            unverified=True,
        )
    for name in (_KEYS, _SIGNATURES):
        if names.count(name) > 1:
            yield Refusal("all", f"{names.count(name)} members {name}", source, unverified=True)
    if _SIGNATURES not in names:
        yield Refusal("all", f"no {_SIGNATURES}", source, unverified=True)


def _refused_signatures(info: ExportInfo, signed: tuple[SignatureInfo, ...]) -> Iterator[Refusal]:
    source = f"{_ANDROID}SignatureVerifier"
    if len(signed) != len(info.signatures):
        yield Refusal(
            "Android",
            f"{_SIGNATURES} holds {len(signed)} signatures, {_KEYS} names {len(info.signatures)} in "
            "signature_infos",
            source,
            unverified=True,
        )
    if len(signed) > 1 and not all(entry.key_id for entry in signed):
        yield Refusal(
            "Android",
            f"{_SIGNATURES}: {len(signed)} signatures, one without verification_key_id",
            source,
            unverified=True,
        )


def _refused_batches(info: ExportInfo) -> Iterator[Refusal]:
    number, of = info.batch, info.batches
    said = f"batch_num {number}, batch_size {of}"
    if (number, of) == (0, 0):
        return
    if not 1 <= number <= of:
        yield Refusal("Android", f"{said}: no such batch", f"{_ANDROID}SignatureVerifier")
    if (number, of) != (1, 1):
        yield Refusal(
            "iPhones",
            f"{said}: batches are not supported, both have to be 1",
            f"{_APPLE}; google/exposure-notifications-server 1182, 1189",
        )


def _refused_keys(published: PublishedKeys) -> Iterator[Refusal]:
    faults = key_faults(published)
    if faults:
        row = next(iter(faults))
        yield Refusal(
            "iPhones",
            f"{len(faults)} of {len(published)} keys, the first is key {row}: {faults[row]}",
            f"{_APPLE}: a rolling period is 1 to {DEFAULT_PERIOD}",
        )
    risk = published.meta["transmission_risk_level"]
    bad = np.flatnonzero((risk != ABSENT) & ((risk < 0) | (risk > _MOST_RISK)))
    if len(bad):
        yield Refusal(
            "Android",
            f"{len(bad)} of {len(published)} keys, the first is key {bad[0]}: transmission_risk_level: "
            f"expected 0 to {_MOST_RISK}, found {risk[bad[0]]}",
            f"{_ANDROID}TemporaryExposureKey",
        )


# -- as a format of keys -----------------------------------------------------------------------------


def is_export(data: bytes) -> bool:
    """``export.bin``, or a zip."""
    return data.startswith((_ZIP, HEADER[:8]))


def read_keys(data: bytes, source: str) -> PublishedKeys:
    """Keys of an ``export.bin`` or of the zip that holds it.

    Raises:
        RowsError: single keys are at fault.
        FormatError: it is broken.
    """
    parse = parse_export_zip if data.startswith(_ZIP) else parse_export
    return parse(data, source)[0]


def told(data: bytes, source: str) -> ExportInfo:
    """What an ``export.bin``, or the zip that holds it, says, and what phones would refuse of it.

    Raises:
        FormatError: it is broken.
    """
    signed, names = None, None
    if data.startswith(_ZIP):
        data, signatures, names = _members(data, source)
        if signatures is not None:
            found = read_signatures(signatures, f"{source}: {_SIGNATURES}")
            signed = tuple(entry for entry, _ in found)
        source = f"{source}: {_KEYS}"
    published, info = parse_unchecked(data, source)
    return replace(info, refused=tuple(_refusals(published, info, signed, names)))


def verify(
    data: bytes,
    source: str,
    public_key: EllipticCurvePublicKey,
    beside: Callable[[str], tuple[bytes, str]],
) -> None:
    """Checks the signature in the zip, or in the ``export.sig`` beside an ``export.bin``.

    Raises:
        FormatError: a file is broken, or phones would refuse it whatever its signature is.
        SignatureError: the signature does not verify.
    """
    names, where = None, source
    if data.startswith(_ZIP):
        data, found, names = _members(data, source)
        if found is None:
            raise FormatError(f"{source}: holds no {_SIGNATURES}")
        signatures, name, where = found, f"{source}: {_SIGNATURES}", f"{source}: {_KEYS}"
    else:
        signatures, name = beside(".sig")
    published, info = parse_unchecked(data, where)
    signed = tuple(entry for entry, _ in read_signatures(signatures, name))
    for refusal in _refusals(published, info, signed, names):
        if refusal.unverified:
            raise FormatError(f"{source}: {refusal}")
    verify_signature(data, signatures, public_key, name)
