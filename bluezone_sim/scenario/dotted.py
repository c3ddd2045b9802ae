"""Reading a scenario as written, before it is known to be right."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel

from .model import Scenario

Raw = dict[str, Any]


def get(raw: Any, path: str) -> Any:
    """Value at a dotted path, None where there is none."""
    for part in path.split("."):
        if not isinstance(raw, dict) or part not in raw:
            return None
        raw = raw[part]
    return raw


def number(raw: Any, path: str) -> float | None:
    value = get(raw, path)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def numbers(raw: Any, path: str, n: int) -> list[float] | None:
    value = get(raw, path)
    if not isinstance(value, list) or len(value) != n:
        return None
    return value if all(isinstance(v, (int, float)) for v in value) else None


def with_dotted_axes(raw: Raw) -> Raw:
    """``raw`` with the axes of its sweep, and of its criteria's arms, by dotted key.

    ``phones.off_share = [0.1, 0.3]`` without quotes is a table in a table to TOML.
    """
    sweep, expect = raw.get("sweep"), raw.get("expect")
    out = dict(raw)
    if isinstance(sweep, dict) and isinstance(sweep.get("grid"), dict):
        out["sweep"] = {**sweep, "grid": dict(dotted(sweep["grid"]))}
    if isinstance(expect, list):
        out["expect"] = [
            {**row, "where": dict(dotted(row["where"]))}
            if isinstance(row, dict) and isinstance(row.get("where"), dict)
            else row
            for row in expect
        ]
    return out


def dotted(table: Raw, path: str = "") -> Iterator[tuple[str, Any]]:
    """Keys of a table, through the tables in it, and their values."""
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from dotted(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def override(raw: Raw, key: str, value: Any) -> None:
    """Sets a dotted key, list elements as ``districts[0]`` or ``districts.0``.

    Raises:
        ValueError: the path leads through something that is not a table or list.
    """
    parts = [p for p in re.split(r"\.|\[(\d+)\]", key) if p]
    if not parts or "" in key.split("."):
        raise ValueError("expected a dotted key such as radio.density")
    at: Any = raw
    for i, part in enumerate(parts):
        last = i == len(parts) - 1
        if isinstance(at, list):
            if not part.isdigit() or int(part) >= len(at):
                raise ValueError(f"{'.'.join(parts[:i])} has {len(at)} elements, no {part!r}")
            if last:
                at[int(part)] = value
            else:
                at = at[int(part)]
        elif isinstance(at, dict):
            if last:
                at[part] = value
            else:
                at = at.setdefault(part, {})
        else:
            raise ValueError(f"{'.'.join(parts[:i])} is a value, not a table")


#: Short names of keys, on the command line and of axes of a sweep.
SHORT = {"protocol": "protocol.name", "adoption": "adoption.levels"}
#: Keys of which one stands for the other.
_INSTEAD = {
    "population.smartphone_share": "smartphones",
    "population.smartphones": "smartphone_share",
}
#: Keys that name a file, and what reading it says of it beside them.
_OF_FILE = {
    "contacts.trace.file": ("sha256",),
    "contacts.trace.people": ("people_sha256",),
    "phones.models": ("models_file", "models_sha256"),
}


def change(raw: Raw, key: str, value: Any) -> None:
    """Sets a key of a scenario as a user does: by a short name too, and one that another stands for.

    Raises:
        ValueError: the path leads through something that is not a table or list.
    """
    if not isinstance(value, dict):
        key = SHORT.get(key, key)
    if key == SHORT["adoption"] and not isinstance(value, (list, tuple)):
        value = [value]
    if key in _INSTEAD and isinstance(raw.get("population"), dict):
        raw["population"].pop(_INSTEAD[key], None)
    _check_rows(raw, key)
    for (
        file,
        says,
    ) in _OF_FILE.items():  # another file has others, and no file what is changed by hand
        if key.startswith(file) and key[len(file) :][:1] in ("", ".", "["):
            table = get(raw, file.rpartition(".")[0])
            for of in says if isinstance(table, dict) else ():
                table.pop(of, None)
    override(raw, key, value)


def _check_rows(raw: Raw, key: str) -> None:
    """Refuses the key of a row of a list of tables that the scenario does not have.

    Raises:
        ValueError: there is no such list; the message says how to add one.
    """
    parts = [p for p in re.split(r"\.|\[(\d+)\]", key) if p]
    at: Any = raw
    for i, part in enumerate(parts):
        if not isinstance(at, dict):
            return
        table = ".".join(parts[:i])
        if part.isdigit() and not at and (row := _row_of(parts[:i])) is not None:
            keys = ", ".join(f"{k} = ..." for k, f in row.model_fields.items() if f.is_required())
            raise ValueError(
                f"the scenario has no [[{table}]], so none to change; add one to its file, or give the "
                f"list whole: --set '{table}=[{{{keys}}}]'"
            )
        at = at.get(part, {})


def _row_of(parts: Sequence[str]) -> type[BaseModel] | None:
    """The table that is a row of the list at a path; None where there is no list of tables."""
    model: type[BaseModel] | None = Scenario
    field = None
    for part in parts:
        field = None if model is None else model.model_fields.get(part)
        model = None if field is None else _table_in(field.annotation)
    return model if field is not None and "list[" in str(field.annotation) else None


def _table_in(annotation: Any) -> type[BaseModel] | None:
    """The table in a type such as ``list[Arm] | None``; None where it holds none, or several."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [t for t in map(_table_in, getattr(annotation, "__args__", ())) if t is not None]
    return found[0] if len(found) == 1 else None


def value_at(scenario: Scenario, key: str) -> Any:
    """The value of a dotted key, in the type that the scenario gives it; lists and tables as JSON.

    None is a key without a value, or one that the scenario does not have, as another rule's.
    """
    at: Any = scenario.model_dump(mode="json")
    for part in key.replace("[", ".").replace("]", "").split("."):
        if isinstance(at, list):
            at = at[int(part)] if part.isdigit() and int(part) < len(at) else None
        else:
            at = at.get(part) if isinstance(at, dict) else None
    plain = at is None or isinstance(at, (str, bool, int, float))
    return at if plain else json.dumps(at, sort_keys=True)
