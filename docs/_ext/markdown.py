"""Pieces of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def code(text: str) -> str:
    """As code."""
    return f"`{text}`"


def cell(value: Any) -> str:
    """A value as TOML would have it, in code."""
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, str):
        text = f'"{value}"'
    elif isinstance(value, list):
        text = "[" + ", ".join(cell(v).strip("`") for v in value) + "]"
    else:
        text = f"{value:g}" if isinstance(value, float) else str(value)
    return code(text)


def table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table; bars and line breaks in its cells do no harm."""

    def row(cells: Sequence[str]) -> str:
        return "| " + " | ".join(" ".join(str(c).split()).replace("|", "\\|") for c in cells) + " |"

    return "\n".join([row(heads), "|" + "---|" * len(heads), *(row(line) for line in lines)])
