"""Files of published keys."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

import numpy as np

from .. import bluezone_files, published
from .damage import unzipped, zipped
from .reader import Reader, each, in_file

_JSON = (b'"exposed"', b'"data"', b'"key"', b'"keyDate"', b'"daily_key"', b'"time_start"', b'"max"')


def _keys(data: bytes) -> None:
    """A file of keys as ``match`` and ``keys check`` read it."""
    from bluezone_sim.captures.key_check import check_keys
    from bluezone_sim.captures.key_sets import read_key_set

    path = in_file("keys", data)

    def read(partial: bool) -> None:
        found = read_key_set([path], partial=partial)
        json.dumps(found.to_dict())
        found.summary()

    check_keys([path]).to_dict()
    each(path, [lambda: read(False), lambda: read(True)])


def _lowcost() -> bytes:
    entry = {"key": base64.b64encode(bytes(range(32))).decode(), "keyDate": 1_597_219_200_000}
    return json.dumps({"exposed": [entry] * 2}).encode()


def _hybrid() -> bytes:
    entry = {"key": base64.b64encode(bytes(range(16))).decode(), "keyDate": 1_597_219_200_000}
    return json.dumps({"exposed": [entry] * 2}).encode()


def _cuckoo() -> bytes:
    from bluezone_sim.protocols.dp3t.files import CuckooFilter

    return CuckooFilter.build(np.ones((3, 32), np.uint8)).to_bytes()


def _export() -> bytes:
    return published.export(
        published.key(published.A),
        published.key(published.B, report=4),
        revised=(published.key(published.A, report=5),),
        signers=(published.signer(),),
    )


_SIGNATURES = published.signatures((published.signer(), bytes(70)))


@cache
def _ed25519() -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(b"\1" * 32)


def _reports() -> bytes:
    from bluezone_sim.protocols.tcn.files import write_report

    return write_report(b"\1" * 32, 1, 5, memo=b"abc") + write_report(b"\1" * 32, 3, 4)


def _signed(body: bytes) -> bytes:
    """A report of TCN whose body is damaged, and then signed."""
    body = body[:64].ljust(64, b"\0") + body[64:70].ljust(6, b"\0") + body[70:]
    memo = body[70:][: body[69]].ljust(body[69], b"\0")
    public = _ed25519().public_key().public_bytes_raw()
    whole = public + body[32:70] + memo
    return whole + _ed25519().sign(whole)


def _public_key(data: bytes) -> None:
    from bluezone_sim.captures.key_files import read_public_key

    read_public_key(in_file("key", data))


@cache
def _authority() -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.derive_private_key(0x1234_5678_9ABC_DEF0, ec.SECP256R1())


def _public_keys() -> list[bytes]:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key, form = _authority().public_key(), PublicFormat.SubjectPublicKeyInfo
    der = key.public_bytes(Encoding.DER, form)
    return [key.public_bytes(Encoding.PEM, form), der, base64.b64encode(der)]


def _verified(data: bytes) -> None:
    """An export whose signature fits the file, whatever is in it."""
    from bluezone_sim.protocols.gaen.archive import verify

    verify(data, "export.zip", _authority().public_key(), lambda suffix: (b"", suffix))


def _signed_zip(export: bytes) -> bytes:
    from bluezone_sim.protocols.gaen.archive import write_signature
    from bluezone_sim.protocols.gaen.files import SignatureInfo

    export = b"EK Export v1    " + export[16:]
    signature = write_signature(export, _authority(), SignatureInfo(key_version="v1", key_id="452"))
    return zipped("export.bin", export__sig=signature)(export)


_MESSAGE = "protocols.bluezone.files:parse_f0|_entries|_validated|_one|_faults|_span|_where|_say"
_LIST = "protocols.dp3t.files:parse_list|read_low|read_hyb"
_FILTER = "protocols.dp3t.files:CuckooFilter.from_bytes|read_filter|keys_of_filter"
_ARCHIVE = "protocols.gaen.archive:read|parse|verify|_m|_refus|told"
_EXPORT = (
    "protocols.gaen.files:parse|_info|_int|_text|read|key_faults|ExportInfo",
    "protocols.gaen.protobuf:read|fields",
)
_with_signatures = zipped("export.bin", export__sig=_SIGNATURES)
_of_signatures = zipped("export.sig", export__bin=_export())

KEYS: tuple[Reader, ...] = (
    Reader("message", lambda: [bluezone_files.message()], _keys, (_MESSAGE,), _JSON),
    Reader("low-cost list", lambda: [_lowcost()], _keys, (_LIST,), _JSON),
    Reader("hybrid list", lambda: [_hybrid()], _keys, (_LIST,), _JSON),
    Reader("cuckoo filter", lambda: [_cuckoo()], _keys, (_FILTER,)),
    Reader("export", lambda: [_export()], _keys, _EXPORT),
    Reader(
        "export, zipped", lambda: [_with_signatures(_export())], _keys, (_ARCHIVE,),
        pack=_with_signatures, within=unzipped,
    ),
    Reader(
        "export, signed", lambda: [_signed_zip(_export())], _verified, (_ARCHIVE,),
        pack=_signed_zip, within=unzipped,
    ),
    Reader(
        "signatures", lambda: [_of_signatures(_SIGNATURES)], _keys, (_ARCHIVE,),
        pack=_of_signatures, within=unzipped,
    ),
    Reader(
        "reports", lambda: [_reports()], _keys, ("protocols.tcn.files:parse|read|is_",),
        pack=_signed, within=bytes,
    ),
    Reader("public key", _public_keys, _public_key, ("captures.key_files:read_public_key",)),
)  # fmt: skip
