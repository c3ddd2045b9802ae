"""The schemas as they ship."""

from __future__ import annotations

import difflib
import json
from importlib.resources import files
from typing import Any

from ..errors import InputError

#: Where they are, a file a name; begin of their ``$id``, which ends in name and version.
FOLDER = files(__package__) / "documents"
URN = "urn:bluezone-sim:schema"


def names() -> tuple[str, ...]:
    """Commands whose ``--json`` has a schema, such as ``validate-radio``; lines of ``ble scan``."""
    found = (f.name for f in FOLDER.iterdir())
    return tuple(sorted(name.removesuffix(".json") for name in found if name.endswith(".json")))


def schema_of(command: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what a command prints with ``--json``.

    Args:
        command: its words with spaces or hyphens between them, such as ``validate radio``.

    Raises:
        InputError: it has none; the nearest right name is given.
    """
    name, known = "-".join(command.split()), names()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}? Known" if near else "known"
        raise InputError(f"{command}: no command with --json; {hint}: {', '.join(known)}")
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found
