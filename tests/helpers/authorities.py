"""What health authorities do: sign what they publish, check what is uploaded."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from bluezone_sim.errors import FormatError
from bluezone_sim.protocols.bluetrace import keys as bluetrace
from bluezone_sim.protocols.gaen.archive import write_signature
from bluezone_sim.protocols.gaen.files import ExportInfo, SignatureInfo, write_export
from bluezone_sim.tables.rows import PublishedKeys


def write_export_zip(
    published: PublishedKeys,
    private_key: EllipticCurvePrivateKey,
    info: ExportInfo | None = None,
) -> bytes:
    """A signed ``export.zip`` of Apple and Google, as phones take it."""
    signer = SignatureInfo(key_version="v1", key_id="452")
    export = write_export(published, replace(info or ExportInfo(), signatures=(signer,)))
    return packed(export, write_signature(export, private_key, signer))


def packed(export: bytes, signatures: bytes, **others: bytes) -> bytes:
    """A zip of both, and of other members by name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("export.bin", export)
        archive.writestr("export.sig", signatures)
        for name, content in others.items():
            archive.writestr(name, content)
    return out.getvalue()


def server_matches(
    key: bytes, history: list[tuple[str, float]]
) -> list[tuple[int, bluetrace.TempId]]:
    """Rows of a history uploaded to BlueTrace whose ids are the server's and were valid when seen.

    Args:
        key: the server's.
        history: (temporary id, unix seconds).

    Returns:
        (row, what the id says) of the good rows; the others are left out, as the server does.
    """
    out = []
    for row, (text, time_s) in enumerate(history):
        try:
            found = bluetrace.decrypt(key, text)
        except FormatError:
            continue
        if found.valid_at(time_s):
            out.append((row, found))
    return out
