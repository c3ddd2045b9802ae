"""JSON and TOML that others wrote: parsed, or refused with where and why.

Both come as trees of Python's values. A text of some megabytes can make one of gigabytes, one so deep
that nobody can walk through it, or numbers that no machine has; so there are limits.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import FormatError
from .bounded import read_bytes, read_text, said, size

#: A scenario of a province has some thousand bytes, one of 10,000 districts a million.
MOST_TOML = 4 << 20
#: A list of a million keys has 80 MB.
MOST_JSON = 256 << 20
#: Lists and tables in a JSON: each costs a hundred bytes, and an entry of a list of keys is one.
MOST_LISTS = 4_000_000
#: Tables in tables; scenarios have four.
MOST_DEPTH = 32


# -- JSON ----------------------------------------------------------------------------------------------


def parse_json(data: bytes | str, source: Path | str) -> Any:
    """A JSON document; numbers in it are finite.

    Raises:
        FormatError: it is none, or larger or deeper than makes sense.
    """
    if len(data) > MOST_JSON:
        raise FormatError(f"{source}: more than {size(MOST_JSON)} of JSON; give it in parts")
    marks: Any = (b"{", b"[") if isinstance(data, bytes) else ("{", "[")
    if sum(map(data.count, marks)) > MOST_LISTS:
        raise FormatError(f"{source}: more than {MOST_LISTS:,} lists and tables; give it in parts")
    try:
        return json.loads(data, parse_constant=_no_number, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise FormatError(f"{source}: not JSON ({said(error)}); is the file truncated?") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise FormatError(f"{source}: not JSON ({said(error)})") from None


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text[:40]} is beyond all numbers")
    return value


def read_json(path: Path) -> Any:
    """A JSON file.

    Raises:
        InputError: it cannot be read.
        FormatError: it is none, or larger or deeper than makes sense.
    """
    return parse_json(read_bytes(path, MOST_JSON), path)


# -- TOML ----------------------------------------------------------------------------------------------


def parse_toml(text: str, source: Path | str, what: str = "TOML") -> dict[str, Any]:
    """A TOML document: its numbers have 64 bits, as TOML says, and no text in it a NUL.

    Args:
        text: the document.
        source: what messages call it.
        what: they say that it is not.

    Raises:
        FormatError: it is none, or larger or deeper than makes sense; the line or the key is named.
    """
    if len(text) > MOST_TOML:
        raise FormatError(f"{source}: more than {size(MOST_TOML)} of TOML")
    try:
        found = tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise FormatError(f"{source}: not {what}: {error}{_of_backslash(text, error)}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise FormatError(f"{source}: not {what}: {said(error)}") from None
    for path, fault in _faults(found):
        raise FormatError(f"{source}: {path}: {fault}")
    return found


def read_toml(path: Path, what: str = "TOML") -> dict[str, Any]:
    """A TOML file; ``what`` is what messages say that it is not.

    Raises:
        InputError: it cannot be read.
        FormatError: see :func:`parse_toml`.
    """
    return parse_toml(read_text(path, MOST_TOML), path, what)


def toml_value(text: str, source: str) -> Any:
    """A single value in TOML; where it is none, it is the text itself.

    Raises:
        FormatError: it is a value that no file may hold.
    """
    try:
        tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    except (ValueError, RecursionError, MemoryError):
        pass  # told by what follows
    return parse_toml(f"value = {text}", source)["value"]


def _faults(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Values that TOML's grammar lets pass, by key."""
    left: list[tuple[tuple[str, ...], Any]] = [((), document)]
    while left:
        path, value = left.pop()
        where = ".".join(path)
        if len(path) > MOST_DEPTH:
            yield where[:200], f"more than {MOST_DEPTH} tables in one another"
        elif isinstance(value, dict):
            left += [((*path, key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            left += [((*path, str(k)), inner) for k, inner in enumerate(value)]
        elif isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
            yield where, "a number of more than 64 bits"
        elif isinstance(value, str) and "\0" in value:
            yield where, "a text with a NUL in it"


def _of_backslash(text: str, error: tomllib.TOMLDecodeError) -> str:
    """What to say of a path in double quotes whose backslashes are read as escapes."""
    found = re.search(r"at line (\d+)", str(error))
    lines = text.splitlines()
    if found is None or not 1 <= int(found[1]) <= len(lines):
        return ""
    quoted = re.search(r'"[^"]*\\[^"]*"?', lines[int(found[1]) - 1])
    if quoted is None:
        return ""
    plain = quoted[0].strip('"')
    return (
        f". In double quotes a backslash begins an escape: write the path in single quotes, '{plain}', "
        f'or with forward slashes, "{plain.replace(chr(92), "/")}"'
    )
