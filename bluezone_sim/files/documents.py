"""The JSON that says what a folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .._version import SCHEMA_VERSION
from ..errors import FormatError, InputError
from ..reading.documents import read_json
from .digests import plain
from .writing import recover


def read_document(path: Path, of: str) -> dict[str, Any]:
    """The JSON that says what a folder holds.

    Args:
        path: of the file.
        of: what the folder should be, for messages: "a run".

    Raises:
        InputError: it is not there, or cannot be read.
        FormatError: it is damaged, or of another schema version.
    """
    recover(path.parent)
    try:
        document = read_json(plain(path))
        version = document["schema_version"]
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except InputError:
        if path.exists():
            raise
        raise InputError(f"{path.parent}: is not {of} (there is no {path.name})") from None
    except (KeyError, TypeError) as error:
        raise FormatError(f"{path}: not the JSON of {of} ({error!r:.200})") from None
    if version != SCHEMA_VERSION:
        raise FormatError(
            f"{path}: schema version {version}, and this reads {SCHEMA_VERSION}; use the version of "
            f"bluezone-sim that wrote it ({document.get('bluezone_sim')})"
        )
    return dict(document)
