"""Finds, reads, overrides and validates scenarios."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from ..errors import Fault, FormatError, InputError, ScenarioError
from ..results.level import NUMBERS
from .checks import cross_faults
from .experiment import Criterion
from .model import Arm, Scenario
from .models import with_models
from .radiofile import KEY as RADIO_FILE
from .radiofile import with_radio_file
from .tracefill import TRACE_SAYS, with_trace

Raw = dict[str, Any]

#: What a unit suffix of a key means.
UNITS = {
    "_s": "seconds",
    "_ms": "milliseconds",
    "_h": "hours",
    "_m": "metres",
    "_dbm": "dBm",
    "_db": "dB",
}


def _folders() -> list[Path]:
    """Where shipped scenarios are: in the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    return [package / "_scenarios", package.parent / "scenarios"]


def shipped() -> dict[str, Path]:
    """Shipped scenarios by name."""
    found: dict[str, Path] = {}
    for folder in _folders():
        if folder.is_dir():
            for path in sorted(folder.glob("*.toml")):
                found.setdefault(path.stem, path)
    return found


def load(name_or_path: str | Path, overrides: Mapping[str, Any] | None = None) -> Scenario:
    """Loads a scenario by the name of a shipped one, or by path.

    Args:
        name_or_path: such as ``"yen-bai-2020"`` or ``"my.toml"``.
        overrides: dotted keys and their values, such as ``{"radio.density": "on"}``.

    Raises:
        InputError: there is no such scenario or file.
        FormatError: the file is not TOML.
        ScenarioError: the scenario is at fault; every fault is listed.
    """
    text, source = read(name_or_path)
    folder = shipped().get(str(name_or_path), Path(name_or_path)).resolve().parent
    return parse(text, source, overrides, folder)


def read(name_or_path: str | Path) -> tuple[str, str]:
    path = Path(name_or_path)
    known = shipped()
    if str(name_or_path) in known:
        path = known[str(name_or_path)]
    elif not path.exists():
        near = get_close_matches(str(name_or_path), known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(
            f"scenario {str(name_or_path)!r}: no such file, and no shipped scenario of that name "
            f"({', '.join(known)}){hint}"
        )
    try:
        return path.read_text(encoding="utf-8"), str(name_or_path)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 text ({error})") from None


def parse(
    text: str,
    source: str = "scenario",
    overrides: Mapping[str, Any] | None = None,
    folder: Path | None = None,
) -> Scenario:
    """A scenario from TOML text; see :func:`load`.

    Args:
        text: the file's text.
        source: what messages call it.
        overrides: as in :func:`load`.
        folder: where files that it names are; by default the working directory.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FormatError(f"{source}: not TOML: {error}") from None
    for key, value in (overrides or {}).items():
        try:
            override(raw, key, value)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise InputError(f"--set {key}: {error}") from None
    return validate(raw, source, folder)


def override(raw: Raw, key: str, value: Any) -> None:
    """Sets a dotted key, list elements as ``districts[0]`` or ``districts.0``.

    Raises:
        ValueError: the path leads through something that is not a table or list.
    """
    parts = [p for p in re.split(r"\.|\[(\d+)\]", key) if p]
    if not parts or key.startswith(".") or key.endswith("."):
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


def validate(raw: Raw, source: str = "scenario", folder: Path | None = None) -> Scenario:
    """A scenario from a mapping.

    Raises:
        ScenarioError: every fault, of single keys and between keys.
    """
    faults: list[Fault] = []
    for fill in (with_radio_file, with_trace, with_models):
        raw = fill(raw, folder or Path(), faults)
    unread = any(fault.path.startswith("contacts.trace") for fault in faults)
    merged = with_defaults(Scenario, raw)
    scenario: Scenario | None = None
    try:
        scenario = Scenario.model_validate(merged)
    except ValidationError as error:
        faults += [fault_of(e, Scenario) for e in error.errors()]
    if unread:  # a trace that can be read says these itself
        faults = [f for f in faults if f.message != "missing" or f.path not in TRACE_SAYS]
    faults += cross_faults(raw, merged)
    faults += list(_arm_faults(raw, faults))
    if faults or scenario is None:
        raise ScenarioError(source, sorted(set(faults), key=lambda f: (f.path, f.message)))
    return scenario


def with_defaults(model: type[BaseModel], raw: Any) -> Any:
    """``raw`` over the defaults of nested tables, so that a table may set only some of its keys."""
    if not isinstance(raw, dict):
        return raw
    out = dict(raw)
    for name, field in model.model_fields.items():
        default = field.default
        if isinstance(default, BaseModel):
            given = raw.get(name, {})
            if isinstance(given, dict):
                out[name] = with_defaults(type(default), _over(default.model_dump(), given))
        elif (
            isinstance(field.annotation, type)
            and issubclass(field.annotation, BaseModel)
            and name in raw
        ):
            out[name] = with_defaults(field.annotation, raw[name])
    if model is Scenario:
        _shrink_cases(out, raw)
    return out


def _over(base: Raw, top: Raw) -> Raw:
    out = dict(base)
    for key, value in top.items():
        if isinstance(value, dict) and isinstance(out.get(key), dict):
            out[key] = _over(out[key], value)
        else:
            out[key] = value
    return out


def _shrink_cases(merged: Raw, raw: Raw) -> None:
    """Unless they are set, cases are no more than people, and those followed no more than cases."""
    cases, given = merged.get("index_cases"), raw.get("index_cases", {})
    people = (merged.get("population") or {}) if isinstance(merged.get("population"), dict) else {}
    n = people.get("people")
    if not isinstance(cases, dict) or not isinstance(given, dict):
        return
    if "count" not in given and isinstance(n, int):
        cases["count"] = max(1, min(cases["count"], n))
    if "f2_count" not in given and isinstance(cases.get("count"), int):
        cases["f2_count"] = max(0, min(cases["f2_count"], cases["count"]))


def _arm_faults(raw: Raw, known: Collection[Fault]) -> Iterator[Fault]:
    """Faults that an arm adds to those ``known`` without it."""
    table = raw.get("sensitivity")
    arms = table.get("arms") if isinstance(table, dict) else None
    for i, arm in enumerate(arms if isinstance(arms, list) else []):
        changes = arm.get("set") if isinstance(arm, dict) else None
        if not isinstance(changes, dict):
            continue
        path = f"sensitivity.arms[{i}].set"
        if RADIO_FILE in changes:
            yield Fault(f"{path}: {RADIO_FILE}", "no key of an arm", "set the file's keys instead")
            continue
        try:
            validate(_changed(raw, changes), path)
        except ScenarioError as error:
            for fault in error.faults:
                # An arm may well switch off what the scenario describes.
                idle = fault.unused and fault.path not in changes
                if fault not in known and not idle:
                    yield Fault(f"{path}: {fault.path}", fault.message, fault.hint)
        except ValueError as error:
            yield Fault(path, str(error))


def _changed(raw: Raw, changes: Mapping[str, Any]) -> Raw:
    out = copy.deepcopy(raw)
    out.pop("sensitivity", None)
    for key, value in changes.items():
        override(out, key, value)
    return out


def arm_scenario(scenario: Scenario, arm: Arm) -> Scenario:
    """The scenario with one sensitivity arm's changes, without its sensitivity runs.

    That the changes are right, and have an effect, was checked when the scenario was loaded.
    """
    return Scenario.model_validate(_changed(scenario.model_dump(), arm.set))


def point_scenario(scenario: Scenario, changes: Mapping[str, Any]) -> Scenario:
    """The scenario with one grid point's changes, validated.

    A key that only other points of the grid need may stay; one of ``changes`` without effect is a
    fault, since its values would be arms that do not differ.

    Raises:
        ScenarioError: every fault of the changed scenario.
    """
    raw = scenario.model_dump(exclude_defaults=True)
    for key in ("sensitivity", "sweep", "expect"):
        raw.pop(key, None)
    for key, value in changes.items():
        override(raw, key, value)
    raw = with_models(raw, Path(), [])
    try:
        return validate(raw)
    except ScenarioError as error:
        faults = [f for f in error.faults if not f.unused or f.path in changes]
        if faults:
            raise ScenarioError(error.source, faults) from None
    return Scenario.model_validate(with_defaults(Scenario, raw))


# -- messages ---------------------------------------------------------------------------------------


def _dotted(loc: tuple[str | int, ...]) -> str:
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in loc).lstrip(".")


def _model_at(loc: tuple[str | int, ...], root: type[BaseModel]) -> type[BaseModel] | None:
    """The model whose keys the last element of ``loc`` is one of."""
    from .model import (
        AgeBand,
        Campaign,
        Carry,
        Course,
        District,
        Measure,
        Occupation,
        PhoneModel,
        TraceTable,
        Users,
    )

    model: Any = root
    for part in loc[:-1]:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part) if model else None
        if field is None:
            return None
        if isinstance(field.default, BaseModel):
            model = type(field.default)
        else:
            names = {
                "districts": District,
                "occupations": Occupation,
                "levels": Users,
                "arms": Arm,
                "trace": TraceTable,
                "course": Course,
                "bands": AgeBand,
                "campaign": Campaign,
                "measures": Measure,
                "models": PhoneModel,
                "carry": Carry,
                "expect": Criterion,
            }
            inner = [a for a in (field.annotation, *_args(field.annotation)) if _is_model(a)]
            model = inner[0] if inner else names.get(str(part))
    return model if _is_model(model) else None


def _args(annotation: Any) -> tuple[Any, ...]:
    return tuple(getattr(annotation, "__args__", ()))


def _is_model(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)


def _stem(key: str) -> tuple[str, str]:
    """A key without its unit, and the unit."""
    match = re.search(r"_(?:seconds|minutes|hours|min|km|cm|dbm|db|ms|us|s|h|m|d)$", key)
    return (key[: match.start()], match.group()) if match else (key, "")


def nearest(key: str, names: list[str]) -> str:
    """What to say of a key that is not among ``names``."""
    stem, _ = _stem(key)
    for name in names:
        right, unit = _stem(name)
        if right == stem and unit in UNITS:
            return f"did you mean {name!r}? It is in {UNITS[unit]}"
    near = get_close_matches(key, names, 1, 0.6) or get_close_matches(key, names, 1, 0.45)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known here: {', '.join(sorted(names))}"


def near_metrics(name: str) -> str:
    """What to say of a metric that there is none of: those whose names have it in them, or nearly."""
    inside = [known for known in NUMBERS if len(name) > 3 and name.lower() in known]
    near = (inside or get_close_matches(name.lower(), NUMBERS, 3, 0.6))[:4]
    if near:
        return f"did you mean {' or '.join(repr(n) for n in near)}?"
    return f"known: {', '.join(NUMBERS)}"


def fault_of(error: Any, root: type[BaseModel]) -> Fault:
    """What one of Pydantic's errors means in a file whose root is ``root``."""
    loc = tuple(p for p in error["loc"])
    # The tags of an adoption level are no part of its path.
    if loc[:2] == ("adoption", "levels") and len(loc) > 3:
        loc = loc[:3] + loc[4:]
    path, found = _dotted(loc), error.get("input")
    kind, context = error["type"], error.get("ctx") or {}
    last = str(loc[-1]) if loc else ""
    unit = next((f" in {UNITS[suffix]}" for suffix in UNITS if last.endswith(suffix)), "")
    if kind == "extra_forbidden":
        model = _model_at(loc, root)
        names = list(model.model_fields) if model else []
        return Fault(path, "unknown key", nearest(str(loc[-1]), names) if names else "")
    if kind == "missing":
        return Fault(path, "missing", "it has no default")
    if kind in ("float_type", "float_parsing", "int_type", "int_parsing", "int_from_float"):
        what = "a whole number" if kind.startswith("int") else "a number"
        hint = f"write the number alone; the key's unit is{unit[3:]}" if unit else ""
        return Fault(path, f"expected {what}{unit}, found {found!r}", hint)
    if kind in ("greater_than_equal", "greater_than", "less_than_equal", "less_than"):
        sign = {
            "greater_than_equal": ("at least", "ge"),
            "greater_than": ("more than", "gt"),
            "less_than_equal": ("at most", "le"),
            "less_than": ("less than", "lt"),
        }[kind]
        return Fault(path, f"expected {sign[0]} {context[sign[1]]:g}{unit}, found {found!r}")
    if kind == "literal_error":
        return Fault(path, f"expected {context['expected']}, found {found!r}")
    if kind == "unknown_metric":
        return Fault(path, f"unknown metric {found!r}", near_metrics(str(found)))
    if kind == "date_type":
        how = "write it without quotes and without a time, such as 2020-08-12"
        return Fault(path, f"expected a date, found {str(found)!r:.80}", how)
    if kind in ("model_type", "dict_type"):
        return Fault(path, f"expected a table, found {found!r}")
    message = str(error["msg"]).removeprefix("Value error, ")
    # A fault between the keys of a table names them itself.
    return Fault(path, message if isinstance(found, dict) else f"{message}, found {found!r:.80}")
