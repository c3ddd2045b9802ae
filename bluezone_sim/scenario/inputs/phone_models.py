"""Phone models of a scenario: ``phones.models`` as the name of a shipped table, or the path of a CSV."""

from __future__ import annotations

import copy
import hashlib
import math
from importlib.resources import files
from pathlib import Path
from typing import Any

from ...errors import Fault, FormatError, InputError
from ...reading.bounded import csv_rows, read_bytes, read_text
from ...showing.visible import quoted
from ..dotted import Raw

KEY = "phones.models"
#: Columns, by what their names in lower case begin with, and the keys of a model.
_COLUMNS = {
    "model": "model",
    "platform": "platform",
    "rssi correction": "rx_correction_db",
    "rx_correction": "rx_correction_db",
    "tx": "tx_power_dbm",
    "share": "share",
}
#: Google's table of 13,000 models has 600 kB.
_MOST_BYTES = 16 << 20
_NEEDED = ("model", "rx_correction_db", "tx_power_dbm")


def shipped_models() -> dict[str, Any]:
    """Tables that come with the package, by name."""
    folder = files("bluezone_sim") / "scenario" / "data" / "phone_models"
    return {p.name.removesuffix(".csv"): p for p in folder.iterdir() if p.name.endswith(".csv")}


def with_models(raw: Raw, folder: Path, faults: list[Fault]) -> Raw:
    """``raw`` with the models of the tables that it names, sensitivity arms included.

    Args:
        raw: the mapping as the user wrote it.
        folder: where relative file names start.
        faults: what is wrong with a table is added.
    """
    phones, table = raw.get("phones"), raw.get("sensitivity")
    arms = table.get("arms") if isinstance(table, dict) else None
    sets = [a.get("set") for a in (arms if isinstance(arms, list) else []) if isinstance(a, dict)]
    places = [(phones, "models")] + [(s, KEY) for s in sets]
    if not any(isinstance(at, dict) and isinstance(at.get(key), str) for at, key in places):
        return raw
    raw = copy.deepcopy(raw)
    arms = (raw.get("sensitivity") or {}).get("arms") or []
    for at, key in [(raw.get("phones"), "models"), *((a.get("set"), KEY) for a in arms)]:
        if not isinstance(at, dict) or not isinstance(at.get(key), str):
            continue
        try:
            name = str(at[key])
            at[key] = read_models(name, folder)
            if key != KEY:  # [phones] itself
                path = place_of(name, folder)
                at["models_file"] = name if name in shipped_models() else str(path)
                at["models_sha256"] = digest_of_table(path)
        except FormatError as error:
            faults.append(Fault(KEY, str(error)))
            del at[key]
    return raw


def place_of(name: str, folder: Path = Path()) -> Path:
    """The file of a table that is shipped, by its name, or of another one."""
    return Path(shipped_models().get(name, folder / name))


def digest_of_table(path: Path) -> str:
    """SHA-256 of a table's bytes.

    Raises:
        InputError: it cannot be read.
    """
    return hashlib.sha256(read_bytes(path, _MOST_BYTES)).hexdigest()


def read_models(name: str, folder: Path = Path()) -> list[dict[str, Any]]:
    """Models of a table, as ``[[phones.models]]`` has them.

    Columns are told by the first row: ``model``, ``rssi correction`` (dB), ``tx`` (dBm) and, where they
    are there, ``share`` (of the platform's phones; otherwise all alike) and ``platform`` (otherwise
    ``android``); others are not read. Lines that start with ``#`` are comments.

    Raises:
        FormatError: there is no such table, or a column or a value is at fault.
    """
    try:
        text = read_text(place_of(name, folder), _MOST_BYTES)
    except InputError as error:
        tables = ", ".join(shipped_models())
        raise FormatError(f"{error}; expected a CSV, or one of {tables}") from None
    lines = [(i, line) for i, line in enumerate(text.split("\n"), 1) if line[:1] != "#"]
    lines = [(i, line) for i, line in lines if line.strip()]
    numbers = [i for i, _ in lines]
    rows = list(
        zip(numbers, csv_rows([line for _, line in lines], ",", name, numbers), strict=True)
    )
    if len(rows) < 2:
        raise FormatError(f"{name}: no models")
    column: dict[str, int] = {}
    for at, title in enumerate(rows[0][1]):
        known = next((k for k in _COLUMNS if title.strip().lower().startswith(k)), None)
        if known is not None:
            column.setdefault(_COLUMNS[known], at)
    missing = [key for key in _NEEDED if key not in column]
    if missing:
        raise FormatError(
            f"{name}: no column for {', '.join(missing)} among {', '.join(rows[0][1])}; expected model, "
            "rssi correction, tx"
        )
    out = [_model(name, i, cells, column) for i, cells in rows[1:]]
    if "share" not in column:
        for model in out:
            mine = sum(m["platform"] == model["platform"] for m in out)
            model["share"] = 1 / mine
    return out


def _model(name: str, line: int, cells: list[str], column: dict[str, int]) -> dict[str, Any]:
    out: dict[str, Any] = {"platform": "android"}
    for key, at in column.items():
        value = cells[at].strip() if at < len(cells) else ""
        if key in ("model", "platform"):
            out[key] = value.lower() if key == "platform" else value
            continue
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise FormatError(f"{name}, line {line}: {key} is {quoted(value)}, not a number")
        out[key] = number
    return out
