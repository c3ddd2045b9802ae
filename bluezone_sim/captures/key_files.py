"""Files of published keys in every system's own format, told by their content."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import protocols
from ..errors import FormatError, InputError
from ..protocols.protocol import KeyFormat, Protocol, called
from ..protocols.registry import PROTOCOLS
from ..tables.rows import PublishedKeys, Sightings
from .sources import told_by_content

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

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
        filter: what is published instead of keys, where it is; its ``find(sightings)`` gives the rows
            that are in it.
        verified: a signature was checked.
    """

    path: Path
    format: str
    protocol: str
    published_for: Callable[[Sightings], PublishedKeys]
    filter: Any = None
    verified: bool = False


def read_keys(path: Path, protocol: str | None = None, public_key: Path | None = None) -> KeyFile:
    """Reads a file of keys.

    Args:
        path: in a format of any protocol that publishes keys.
        protocol: what it must be of; decides between designs whose files look alike.
        public_key: PEM file; the file must be signed by it.

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
    system, form = _told_by_content(path, data, protocol)
    if protocol is not None and system.name != protocol:
        raise InputError(
            f"{path}: {form.title} of {system.name}, but --protocol asks for {protocol}"
        )
    if public_key is not None:
        _verify(path, data, form, _public_key(public_key))
    source = str(path)
    return KeyFile(
        path=path,
        format=form.title,
        protocol=system.name,
        published_for=partial(_timed, called(form.read)(data, source), form),
        filter=None if form.filter is None else called(form.filter)(data, source),
        verified=public_key is not None,
    )


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
        return _read(other), str(other)

    if form.verify is None:
        raise InputError(
            f"{path}: {form.title} carries no signature that --public-key could verify"
        )
    called(form.verify)(data, str(path), key, beside)


def _timed(published: PublishedKeys, form: KeyFormat, sightings: Sightings) -> PublishedKeys:
    if form.timed is None:
        return published
    out: PublishedKeys = called(form.timed)(published, int(sightings.time_ms.max(initial=0)))
    return out


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise FormatError(f"{path}: more than {_MOST_BYTES >> 20:,} MiB, so no file of keys")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


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
