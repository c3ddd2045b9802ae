"""Documents beside their published schemas."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import jsonschema

from bluezone_sim.schemas.published import schema_of


def closed(part: Any) -> Any:
    """A schema by which an object has no keys but those that are told."""
    if isinstance(part, list):
        return [closed(p) for p in part]
    if not isinstance(part, dict):
        return part
    out = {key: closed(value) for key, value in part.items()}
    if out.get("type") == "object" and "properties" in out:
        out.setdefault("additionalProperties", False)
    return out


@functools.cache
def validator(command: str) -> Any:
    """Of what a command prints, keys that nobody published told too."""
    kind = jsonschema.Draft202012Validator
    return kind(closed(schema_of(command)), format_checker=kind.FORMAT_CHECKER)


def check(command: str, document: Any) -> None:
    """Raises where a document is not as its schema says; the place is named."""
    faults = [f"{e.json_path}: {e.message[:300]}" for e in validator(command).iter_errors(document)]
    assert faults == [], f"--json of {command}: {faults[:5]}"


def validated(text_of: Callable[[str, Any], str]) -> Callable[[str, Any], str]:
    """What makes the text of a document, with a look at the schema."""

    def look(command: str, document: Any) -> str:
        text = text_of(command, document)
        check(command, json.loads(text))
        return text

    return look
