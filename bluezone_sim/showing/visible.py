"""Text of scenarios, files and the air, made harmless to show.

Names that others chose may hold escape sequences, which a terminal obeys; marks of writing direction, by
which a line reads as another one; bytes that no encoding has; and in a spreadsheet the beginning of a
formula. Whatever is shown goes through :func:`visible`, and the cells of a CSV through :func:`csv_cell`.
Both give what they are given where there is nothing of the kind, and their own results again unchanged.
"""

from __future__ import annotations

import json
import re
from typing import Any

#: Control characters (C0, DEL, C1), half surrogates, separators of lines and paragraphs, marks of writing
#: direction, and what else Unicode calls a format character; but not the two joiners, which Persian and
#: emoji are written with.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e"
    "\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
#: With which Excel, LibreOffice and Google Sheets begin a formula (OWASP, "CSV Injection"), in East Asia
#: the wide forms too.
_FORMULA = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
#: Characters of a value that messages quote.
_QUOTED = 60
#: Numbers of more bits are told by their size: Python writes no more than 4,300 digits.
_MOST_BITS = 256


def visible(text: str, keep: str = "") -> str:
    r"""Text whose hidden characters are written as escapes, such as ``\x1b`` and ``\u202e``.

    Args:
        text: anything.
        keep: of these what stays: ``"\n"`` where lines may be broken.
    """
    if text.isascii() and text.isprintable():
        return text
    return _HIDDEN.sub(lambda found: found[0] if found[0] in keep else _escape(found[0]), text)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file's name that is no UTF-8
        code -= 0xDC00
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def quoted(value: Any, most: int = _QUOTED) -> str:
    """A value of an input as a message quotes it: short, in one line, whatever it is.

    Unlike ``repr`` it ends for lists in lists in lists, and for numbers of thousands of digits.
    """
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, (list, tuple, set)):
        return f"a list of {len(value):,}"
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return f"a number of {value.bit_length():,} bits"
    if isinstance(value, (str, bytes)):
        value = value[: most + 1]
    text = visible(repr(value))
    return text if len(text) <= most else text[: most - 1] + "…"


def csv_cell(value: Any) -> Any:
    """A value as a cell that no spreadsheet takes for a formula: numbers stay numbers."""
    if not isinstance(value, str):
        return value
    text = visible(value)
    formula = text.lstrip().startswith(_FORMULA) and not _NUMBER.fullmatch(text.strip())
    return f"'{text}" if formula else text


def in_figure(text: str) -> str:
    """A label of a figure: its dollar signs begin no formula."""
    return visible(text, keep="\n").replace("$", r"\$")


def shown(value: Any) -> Any:
    """A value that a page's template prints; markup is made of visible text already."""
    return visible(value, keep="\n\t") if type(value) is str else value


def visible_json(value: Any) -> str:
    """JSON for a page's script, of which every text is visible."""
    return json.dumps(_tree(value), ensure_ascii=False, separators=(",", ":"))


def visible_toml(text: str) -> str:
    """A string of TOML, quoted; hidden characters are its escapes, so that it is read as it was."""
    quoted = json.dumps(text, ensure_ascii=False)
    return _HIDDEN.sub(lambda found: f"\\U{ord(found[0]):08x}", quoted)


def _tree(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {key: _tree(inner) for key, inner in value.items()}
    return [_tree(inner) for inner in value] if isinstance(value, (list, tuple)) else value
