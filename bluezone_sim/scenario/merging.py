"""A scenario as written, over the defaults of all its tables."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from ..errors import Fault
from .dotted import Raw
from .model import Scenario
from .schema.by_name import by_name_in, parameters_of


def with_defaults(model: type[BaseModel], raw: Any) -> Any:
    """``raw`` over the defaults of nested tables, so that a table may set only some of its keys."""
    if not isinstance(raw, dict):
        return raw
    out = dict(raw)
    for name, field in model.model_fields.items():
        default, choice = field.default, by_name_in(field)
        if choice is not None and isinstance(default, BaseModel):
            given = raw.get(name, {})
            table = choice.table(given)
            if table is not None:
                out[name] = {choice.key: choice.default, **_over(_defaults(table), given)}
        elif (of_named := parameters_of(field)) is not None:
            if of_named.table(raw) is not None:
                out[name] = {} if out.get(name) is None else out[name]
        elif isinstance(default, BaseModel):
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


def _defaults(table: type[BaseModel]) -> Raw:
    """Keys of a table that have a default, and it."""
    fields = table.model_fields
    made = table.model_construct()
    return {k: v for k, v in made.model_dump().items() if not fields[k].is_required()}


def without_others(raw: Raw) -> tuple[Raw, list[Fault]]:
    """``raw`` without the keys of ``[rule]`` that only other rules have, and faults that name them."""
    choice = by_name_in(Scenario.model_fields["rule"])
    assert choice is not None
    given = raw.get("rule")
    others = choice.of_others(given) if given is not None else {}
    if not others or not isinstance(given, dict):
        return raw, []
    because = f'has no effect with rule.name = "{given.get(choice.key, choice.default)}"'
    faults = [
        Fault(
            f"rule.{key}",
            because,
            f"remove it, or name a rule that has it: {', '.join(names)}",
            True,
        )
        for key, names in others.items()
    ]
    return {**raw, "rule": {k: v for k, v in given.items() if k not in others}}, faults


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
