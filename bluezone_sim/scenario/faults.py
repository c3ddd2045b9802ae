"""What faults of single keys are called: Pydantic's errors in the words of a scenario's author."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel

from .. import protocols
from ..errors import Fault
from ..showing.visible import quoted
from ..tables.metrics import METRICS, level_names
from ..tables.platforms import split
from .schema.experiment import Criterion, SensitivityArm

#: What a unit suffix of a key means.
UNITS = {
    "_s": "seconds",
    "_ms": "milliseconds",
    "_h": "hours",
    "_m": "metres",
    "_dbm": "dBm",
    "_db": "dB",
}


def _dotted(loc: tuple[str | int, ...]) -> str:
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in loc).lstrip(".")


def _model_at(
    loc: tuple[str | int, ...], root: type[BaseModel], raw: Any
) -> type[BaseModel] | None:
    """The model whose keys the last element of ``loc`` is one of, in a file that says ``raw``."""
    from .chosen import Campaign
    from .schema.adoption import Users
    from .schema.by_name import by_name_in, parameters_of
    from .schema.exposure import Course
    from .schema.phones import Carry, PhoneModel
    from .schema.population import AgeBand, District, Occupation
    from .schema.trace import TraceTable

    model: Any = root
    choice = None
    for part in loc[:-1]:
        above, raw = raw, _at(raw, part)
        if isinstance(part, int):
            model = model if choice is None else choice.table(raw)
            continue
        field = model.model_fields.get(part) if model else None
        if field is None:
            return None
        choice = by_name_in(field)
        of_named = parameters_of(field)
        if of_named is not None:
            model = of_named.table(above)
        elif choice is not None:
            model = choice.table(raw)
        elif isinstance(field.default, BaseModel):
            model = type(field.default)
        else:
            names = {
                "districts": District,
                "occupations": Occupation,
                "levels": Users,
                "arms": SensitivityArm,
                "trace": TraceTable,
                "course": Course,
                "bands": AgeBand,
                "campaign": Campaign,
                "models": PhoneModel,
                "carry": Carry,
                "expect": Criterion,
            }
            inner = [a for a in (field.annotation, *_args(field.annotation)) if _is_model(a)]
            model = inner[0] if inner else names.get(str(part))
    return model if _is_model(model) else None


def _at(raw: Any, part: str | int) -> Any:
    if isinstance(raw, dict):
        return raw.get(part)
    return raw[part] if isinstance(raw, list) and isinstance(part, int) else None


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
    """What to say of a metric that there is none of: those whose names have it in them, or nearly.

    Ends of intervals and numbers by platform are many: they come where the name has one, or nothing else
    is near.
    """
    asked = name.lower()
    known = level_names()
    plain = [n for n in known if split(n) is None and not n.endswith(("_lo", "_hi"))]
    near = (
        [n for n in plain if len(name) > 3 and asked in n]
        or [n for n in known if len(name) > 3 and asked in n]
        or get_close_matches(asked, plain, 3, 0.6)
        or get_close_matches(asked, known, 3, 0.6)
    )[:3]
    where = f"{METRICS.listed} tells all {len(known)}"
    if near:
        return f"did you mean {' or '.join(repr(n) for n in near)}? {where}"
    return f"such as recall, precision or n_warned_f1; {where}"


def _either(names: Sequence[str]) -> str:
    *others, last = map(repr, names)
    return f"{', '.join(others)} or {last}"


def _near(found: Any, names: Sequence[str]) -> str:
    near = get_close_matches(str(found), names, 1)
    return f"did you mean {near[0]!r}?" if near else ""


def fault_of(error: Any, root: type[BaseModel], raw: Any = None) -> Fault:
    """What one of Pydantic's errors means in a file whose root is ``root`` and that says ``raw``."""
    loc = tuple(p for p in error["loc"])
    # The tags of an adoption level are no part of its path.
    if loc[:2] == ("adoption", "levels") and len(loc) > 3:
        loc = loc[:3] + loc[4:]
    path, found = _dotted(loc), error.get("input")
    kind, context = error["type"], error.get("ctx") or {}
    last = str(loc[-1]) if loc else ""
    unit = next((f" in {UNITS[suffix]}" for suffix in UNITS if last.endswith(suffix)), "")
    if kind == "extra_forbidden":
        model = _model_at(loc, root, raw)
        names = list(model.model_fields) if model else []
        return Fault(path, "unknown key", nearest(str(loc[-1]), names) if names else "")
    if kind == "missing":
        return Fault(path, "missing", "it has no default")
    if kind in ("float_type", "float_parsing", "int_type", "int_parsing", "int_from_float"):
        what = "a whole number" if kind.startswith("int") else "a number"
        hint = f"write the number alone; the key's unit is{unit[3:]}" if unit else ""
        return Fault(path, f"expected {what}{unit}, found {quoted(found)}", hint)
    if kind in ("greater_than_equal", "greater_than", "less_than_equal", "less_than"):
        sign = {
            "greater_than_equal": ("at least", "ge"),
            "greater_than": ("more than", "gt"),
            "less_than_equal": ("at most", "le"),
            "less_than": ("less than", "lt"),
        }[kind]
        bound = context[sign[1]]
        percent = bound == 1 and isinstance(found, (int, float)) and 1 < found <= 100
        hint = f"shares: {found / 100:g} for {found:g} %" if percent else ""
        return Fault(path, f"expected {sign[0]} {bound:g}{unit}, found {quoted(found)}", hint)
    if kind == "literal_error":
        return Fault(path, f"expected {context['expected']}, found {quoted(found)}")
    if kind == "unknown_protocol":
        able = protocols.followed()
        return Fault(path, f"expected {_either(able)}, found {quoted(found)}", _near(found, able))
    if kind == "unknown_name":
        return Fault(
            path, f"expected {context['expected']}, found {quoted(found)}", context["hint"]
        )
    if kind == "unknown_metric":
        return Fault(path, f"unknown metric {quoted(found)}", near_metrics(str(found)))
    if kind == "date_type":
        how = "write it without quotes and without a time, such as 2020-08-12"
        return Fault(path, f"expected a date, found {quoted(str(found), 80)}", how)
    if kind == "tuple_type":
        return Fault(path, f"expected a list, found {quoted(found)}")
    if kind in ("too_short", "too_long") and context["field_type"] == "Tuple":
        bound = "at least" if kind == "too_short" else "at most"
        n = context["min_length" if kind == "too_short" else "max_length"]
        return Fault(path, f"expected {bound} {n} values, found {len(found)}")
    if kind in ("model_type", "dict_type"):
        return Fault(path, f"expected a table, found {quoted(found)}")
    message = str(error["msg"]).removeprefix("Value error, ")
    # A fault between the keys of a table names them itself.
    return Fault(
        path, message if isinstance(found, dict) else f"{message}, found {quoted(found, 80)}"
    )
