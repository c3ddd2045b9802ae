"""What scenarios say, as text: JSON Schema, TOML, the resolved form."""

from __future__ import annotations

import datetime as dt
from typing import Any

from ..showing.visible import visible_toml
from .by_protocol import FILLED, as_written
from .dotted import SHORT
from .model import Scenario
from .profiles import profile_of


def schema() -> dict[str, Any]:
    """JSON Schema of a scenario, with the descriptions, units and sources of its keys."""
    out = Scenario.model_json_schema()
    out["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    out["title"] = "bluezone-sim scenario"
    return out


def resolved_toml(scenario: Scenario, *, stored: bool = False) -> str:
    """The scenario with every default written out; it loads back to an equal one.

    Keys that would be refused because they have no effect here are left out. Where arms or a grid change
    the protocol or the rule, what follows from these is in comments: written out it would hold in each.

    Args:
        scenario: any.
        stored: for :func:`.stored.stored_text`, which fills nothing in: all values are there.
    """
    raw = scenario.model_dump()
    follows = [] if stored or not _changes_rules(scenario) else _follow_protocol(scenario, raw)
    for path in _without_effect(scenario):
        # A table above it may be left out already.
        at: Any = raw
        *parents, last = path.split(".")
        for parent in parents:
            at = at.get(parent) or {}
        at.pop(last, None)
    lines = toml_of(raw).split("\n")
    for header, told in (
        ("[radio]", _from_profile(scenario)),
        ("[publication]", _from_rule(scenario)),
    ):
        if header in lines:
            below = lines.index(header) + 1
            lines[below:below] = told
    return "\n".join([*lines[:-1], *follows, ""])


def _changes_rules(scenario: Scenario) -> bool:
    """An arm or an axis sets the protocol or the rule."""
    grid, arms = scenario.sweep.grid if scenario.sweep else {}, []
    for table in (scenario.sensitivity, scenario.epidemic):
        arms += [arm.set for arm in table.arms] if table else []
    keys = [SHORT.get(key, key) for changes in (grid, *arms) for key in changes]
    return any(key.partition(".")[0] in ("protocol", "rule") for key in keys)


def _follow_protocol(scenario: Scenario, raw: dict[str, Any]) -> list[str]:
    """Takes out of ``raw`` what the protocol, or the rule's name, says; lines that tell it."""
    given = as_written(scenario, scenario.model_dump(exclude_defaults=True))
    lines = []
    for table, key in FILLED.items():
        said = {k: v for k, v in raw[table].items() if k not in given[table] and v is not None}
        if said:
            of = f"rule {scenario.rule.name}" if key in given[table] else scenario.protocol.name
            lines += ["", f"# {table}, as {of} has it, and what an arm names has its own:"]
            lines += [line and f"#   {line}" for line in _tables(said, table)]
        raw[table] = given[table]
        if not given[table]:
            del raw[table]
    return lines


def written_raw(scenario: Scenario) -> dict[str, Any]:
    """What a scenario says that is no default, as it may be written; it loads back to an equal one."""
    raw = as_written(scenario, scenario.model_dump(exclude_defaults=True))
    return {key: value for key, value in raw.items() if value != {}}


def toml_of(raw: dict[str, Any]) -> str:
    """A mapping as the text of a TOML file."""
    return "\n".join(_tables(raw, "")).lstrip("\n") + "\n"


def _from_profile(scenario: Scenario) -> list[str]:
    """Duty cycles that the protocol's profile sets, in comments: the scenario says nothing of them."""
    profile = profile_of(scenario)
    does = profile.android.foreground
    values = {
        "scan_on_s": does.scan_on_s,
        "scan_period_s": does.scan_period_s(
            scenario.phones.screen_on_share, scenario.phones.audio_share
        ),
        "advertise_on_s": does.advertise_on_s,
        "advertise_period_s": does.advertise_period_s,
        "advertise_interval_ms": does.advertise_interval_ms,
    }
    return [
        f"# {key} = {value_toml(value)}   # Android, profile {profile.protocol}"
        for key, value in values.items()
        if getattr(scenario.radio, key) is None
    ]


def _from_rule(scenario: Scenario) -> list[str]:
    """The days that the rule's app publishes, in comments, of which the scenario says nothing."""
    window, own = scenario.published_days, scenario.publication
    days = {
        "before_onset_days": (own.before_onset_days, window.before_onset),
        "before_test_days": (own.before_test_days, window.before_test),
    }
    return [
        f"# {key}: the whole look-back, rule {scenario.rule.name}"
        if app is None
        else f"# {key} = {app}   # rule {scenario.rule.name}: {window.source}"
        for key, (given, app) in days.items()
        if given is None
    ]


def _without_effect(scenario: Scenario) -> list[str]:
    from .checks.cross import cross_faults

    raw = scenario.model_dump()
    return [f.path for f in cross_faults(raw, raw) if f.unused]


def value_toml(value: Any) -> str:
    """A value as TOML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return visible_toml(value)
    if isinstance(value, (dt.date, int)):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(value_toml(v) for v in value) + "]"
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(k)} = {value_toml(v)}" for k, v in value.items())
        return "{ " + inner + " }"
    raise TypeError(f"no TOML for {type(value)}")


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if bare else visible_toml(key)


def is_tables(value: Any) -> bool:
    """A list of tables, which is an array of tables in TOML."""
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def _tables(raw: dict[str, Any], path: str) -> list[str]:
    """Lines of a table: its values, then its tables, then its arrays of tables."""
    lines = []
    nested = []
    for key, value in raw.items():
        if value is None:
            continue
        full = f"{path}.{_key(key)}" if path else _key(key)
        if isinstance(value, dict) and value and key != "set":
            nested.append((full, value, False))
        elif is_tables(value) and key != "levels":
            nested += [(full, v, True) for v in value]
        else:
            lines.append(f"{_key(key)} = {value_toml(value)}")
    for full, value, array in nested:
        header = f"[[{full}]]" if array else f"[{full}]"
        lines += ["", header, *_tables(value, full)]
    return lines
