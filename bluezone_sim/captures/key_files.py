"""Files of published keys in every system's own format, told by their content."""

from __future__ import annotations

import base64
import binascii
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import protocols
from ..errors import FormatError, InputError, RowsError
from ..protocols.key_batch import KeyBatch
from ..protocols.protocol import KeyFormat, Protocol, called
from ..protocols.registry import PROTOCOLS
from ..reading.bounded import WRONG_VALUES, read_bytes
from ..tables.rows import PublishedKeys, Sightings
from .formats.containers import head_of
from .sources import told_by_content

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

#: More than any authority publishes at once.
_MOST_BYTES = 256 << 20
_MOST_KEY_BYTES = 1 << 16
#: By which a file in a folder is told.
_HEAD_BYTES = 1 << 16


@dataclass(frozen=True)
class KeyFile:
    """What a file publishes.

    Attributes:
        path: the file.
        protocol: name of the system.
        form: its format.
        published: the keys; some formats leave times open, see :meth:`published_for`.
        told: which batch the file says it is, where its format tells.
        filter: what is published instead of keys, where it is; its ``find(sightings)`` gives the rows
            that are in it.
        verified: a signature was checked.
        n_left_out: keys at fault that are not in it.
        fault: of the first of them; empty where there is none.
    """

    path: Path
    protocol: str
    form: KeyFormat
    published: PublishedKeys
    told: KeyBatch | None = None
    filter: Any = None
    verified: bool = False
    n_left_out: int = 0
    fault: str = ""

    def published_for(self, sightings: Sightings) -> PublishedKeys:
        """The keys, given the sightings that they will be looked up in: it may depend on when."""
        if self.form.timed is None:
            return self.published
        latest = int(sightings.time_ms.max(initial=0))
        out: PublishedKeys = called(self.form.timed)(self.published, latest)
        return out


def read_keys(
    path: Path,
    protocol: str | None = None,
    public_key: EllipticCurvePublicKey | None = None,
    *,
    partial: bool = False,
) -> KeyFile:
    """Reads a file of keys.

    Args:
        path: in a format of any protocol that publishes keys.
        protocol: what it must be of; decides between designs whose files look alike.
        public_key: see :func:`read_public_key`; the file must be signed by it.
        partial: leave out single keys that are at fault.

    Raises:
        InputError: a file cannot be read, or the keys are of another protocol than asked for.
        RowsError: single keys are at fault.
        FormatError: a file is at fault.
        SignatureError: a signature does not verify.
    """
    if protocol is not None:
        protocols.get_key_protocol(protocol)
    data = read_bytes(path, _MOST_BYTES)
    if not data.strip():
        raise FormatError(f"{path}: empty; expected published keys")
    with contextlib.suppress(FormatError):  # none of them: as it should be
        heard = told_by_content(path)
        raise InputError(
            f"{path}: {heard}, which holds what a phone heard; expected published keys. Are --keys and "
            "--history the wrong way round?"
        )
    system, form = _told_by_content(path, data, protocol)
    if protocol is not None and system.name != protocol:
        raise InputError(
            f"{path}: {form.title} of {system.name}, but --protocol asks for {protocol}"
        )
    if public_key is not None:
        _verify(path, data, form, public_key)
    source, n_left_out, fault = str(path), 0, ""
    try:
        published = called(form.read)(data, source)
    except RowsError as error:
        if not partial:
            raise
        published, n_left_out, fault = error.kept, error.n, str(error)
    return KeyFile(
        path=path,
        protocol=system.name,
        form=form,
        published=published,
        told=None if form.told is None else called(form.told)(data, source),
        filter=None if form.filter is None else called(form.filter)(data, source),
        verified=public_key is not None,
        n_left_out=n_left_out,
        fault=fault,
    )


def looks_like_keys(path: Path) -> bool:
    """A file begins as one of keys does.

    Raises:
        InputError: it cannot be read.
    """
    with contextlib.suppress(FormatError):
        told_by_content(path)
        return False
    head = head_of(path, _HEAD_BYTES)
    return any(called(form.sniff)(head) for _, form in _formats())


def _formats() -> list[tuple[Protocol, KeyFormat]]:
    """In the order in which they are tried."""
    return [(system, form) for system in PROTOCOLS.all() for form in system.files]


def _told_by_content(path: Path, data: bytes, protocol: str | None) -> tuple[Protocol, KeyFormat]:
    fits = [(system, form) for system, form in _formats() if called(form.sniff)(data)]
    if not fits:
        known = ", ".join(f"{form.title} of {system.name}" for system, form in _formats())
        raise FormatError(
            f"{path}: not a file of keys; expected {known}; it starts with {data[:8].hex()}"
        )
    for system, form in fits:
        if system.name == protocol:
            return system, form
    system, form = fits[0]
    if protocol is not None and protocol in system.looks_like:
        wanted = protocols.get(protocol)
        alike = [other for other in wanted.files if other.title == form.title]
        return (wanted, alike[0]) if alike else (system, form)
    return system, form


def _verify(path: Path, data: bytes, form: KeyFormat, key: EllipticCurvePublicKey) -> None:
    def beside(suffix: str) -> tuple[bytes, str]:
        other = path.with_suffix(suffix)
        return read_bytes(other, _MOST_BYTES), str(other)

    if form.verify is None:
        raise InputError(
            f"{path}: {form.title} carries no signature that --public-key could verify"
        )
    called(form.verify)(data, str(path), key, beside)


def read_public_key(path: Path) -> EllipticCurvePublicKey:
    """A health authority's key: PEM, DER, or the DER in base64, as they published it.

    Raises:
        InputError: the file cannot be read.
        FormatError: it is none of them, or of another kind than ECDSA on P-256.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import (
        load_der_public_key,
        load_pem_public_key,
    )

    data = read_bytes(path, _MOST_KEY_BYTES)
    load = load_pem_public_key if b"-----BEGIN" in data else load_der_public_key
    with contextlib.suppress(binascii.Error, ValueError):
        data = base64.b64decode(b"".join(data.split()), validate=True)
    try:
        key = load(data)
    except (*WRONG_VALUES, UnsupportedAlgorithm):
        raise FormatError(
            f"{path}: expected a public key in PEM (-----BEGIN PUBLIC KEY-----), DER, or DER in base64"
        ) from None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise FormatError(f"{path}: expected a key of ECDSA on P-256, found another kind")
    return key
