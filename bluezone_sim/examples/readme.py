"""The README of an example: its files, its commands, and what they print."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def readme(title: str, files: Iterable[str], commands: Iterable[tuple[str, str]]) -> str:
    """Its text.

    Args:
        title: what the example is, in a sentence.
        files: a line a file, or several.
        commands: (command, what it prints), to be run in the folder.
    """
    parts = [title, "\n".join(files), "In this folder:"]
    return "\n\n".join([*parts, *(f"$ {command}\n{text}" for command, text in commands)]) + "\n"


def plain(text: str) -> str:
    """What is printed, without spaces at the ends of lines."""
    return "\n".join(line.rstrip() for line in text.splitlines())


def write_document(path: Path, document: Any) -> None:
    """Writes what a command prints with ``--json``."""
    path.write_text(json.dumps(document, allow_nan=False) + "\n", encoding="utf-8")


def from_inside(value: Any, part: Path) -> Any:
    """Paths of a folder in the making as they are from inside it, in text, lists and mappings."""
    if isinstance(value, str):
        return value.replace(f"{part}{os.sep}", "")
    if isinstance(value, dict):
        return {from_inside(k, part): from_inside(v, part) for k, v in value.items()}
    return [from_inside(v, part) for v in value] if isinstance(value, list) else value
