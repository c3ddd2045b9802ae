"""What a scenario does not say and its protocol does: the risk rule, and who confirms a match.

It is filled in when a scenario is read, and again when an arm or a grid changes the protocol, so that
manifests, digests and JSON hold what was used.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError

from .. import protocols
from ..errors import InputError, ScenarioError
from ..protocols import Protocol
from .chosen import Rule
from .dotted import Raw, get, override
from .faults import fault_of
from .model import Scenario
from .schema.rules import RuleTable
from .schema.table import TomlTable
from .values.registries import RULES

#: The rule of a protocol of which no app's rule is published.
NO_RULE = "any-match"
#: Keys that the protocol fills, by table.
FILLED = {"rule": "name", "confirmation": "by"}


def with_protocol(raw: Raw) -> Raw:
    """``raw`` with what its protocol says where it says nothing itself."""
    name = get(raw, "protocol.name")
    if name is None:
        name = Scenario.model_fields["protocol"].default.name
    if not isinstance(name, str) or name not in protocols.names():
        return raw  # a fault of its own
    system = protocols.get(name)
    says = {"rule": system.rule or NO_RULE, "confirmation": system.confirmed_by}
    out = dict(raw)
    for table, key in FILLED.items():
        given = raw.get(table, {})
        if isinstance(given, dict) and key not in given:
            out[table] = {key: says[table], **given}
    return out


def rule_of(protocol: str) -> RuleTable:
    """The rule of an app that used a protocol, or that one record warns, with its defaults."""
    name = protocols.get(protocol).rule or NO_RULE
    return RULES.get(name).parameters(name=name)


class _Ruled(TomlTable):
    """A rule without a scenario."""

    rule: Rule


def chosen_rule(protocol: str, name: str | None, changes: Mapping[str, Any]) -> RuleTable:
    """A rule with keys of its own.

    Args:
        protocol: whose app's rule it is by default.
        name: of the rule.
        changes: dotted keys and their values, such as ``{"rule.minutes": 10}``.

    Raises:
        InputError: a key is none of ``[rule]``.
        ScenarioError: there is no such rule, or its keys are at fault.
    """
    raw: Raw = {"rule": {"name": rule_of(protocol).name if name is None else name}}
    for key, value in changes.items():
        if not key.startswith("rule."):
            raise InputError(f"--set {key}: expected a key of the rule, such as rule.minutes=10")
        try:
            override(raw, key, value)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise InputError(f"--set {key}: {error}") from None
    try:
        return _Ruled.model_validate(raw).rule
    except ValidationError as error:
        faults = {fault_of(e, _Ruled, raw) for e in error.errors()}
        raise ScenarioError("rule", sorted(faults, key=lambda f: f.path)) from None


def mark_filled(scenario: Scenario, raw: Raw) -> Scenario:
    """Remembers which of these keys ``raw`` left to the protocol: their tables are not *set*."""
    for table, key in FILLED.items():
        if get(raw, f"{table}.{key}") is None:
            scenario.model_fields_set.discard(table)
    return scenario


def filled_tables(scenario: Scenario) -> list[str]:
    """Tables that a scenario left to its protocol, which another protocol fills otherwise."""
    return [table for table in FILLED if table not in scenario.model_fields_set]


def mark_tables(scenario: Scenario, tables: Collection[str]) -> Scenario:
    """Remembers that these tables, of :func:`filled_tables`, were left to the protocol."""
    scenario.model_fields_set.difference_update(table for table in tables if table in FILLED)
    return scenario


def as_written(scenario: Scenario, raw: Raw) -> Raw:
    """``raw``, dumped from a scenario, with such keys where the scenario set them, and only there."""
    out = dict(raw)
    for table, key in FILLED.items():
        keys = {k: v for k, v in out.get(table, {}).items() if k != key}
        if table in scenario.model_fields_set:
            keys = {key: getattr(getattr(scenario, table), key), **keys}
        out[table] = keys
    return out


def rule_document(scenario: Scenario) -> dict[str, Any]:
    """``rule`` of JSON: name, app and version, source, parameters."""
    rule = RULES.get(scenario.rule.name)
    return {
        "name": rule.name,
        "title": rule.title,
        "version": rule.version,
        "date": None if rule.date is None else rule.date.isoformat(),
        "source": NOT_PUBLISHED if _unpublished(scenario) else rule.source,
        "parameters": scenario.rule.model_dump(mode="json", exclude={"name"}),
    }


NOT_PUBLISHED = "no published rule: any match"


def rule_in_words(scenario: Scenario) -> str:
    """The rule as it stands beside the protocol: ``rule cwa (10 Dec 2020)``; that there is none."""
    if _unpublished(scenario):
        return NOT_PUBLISHED
    rule = RULES.get(scenario.rule.name)
    changed = scenario.rule != rule.parameters.model_construct(name=rule.name)
    about = ", ".join(filter(None, (rule.since, "changed" if changed else "")))
    return f"rule {rule.name}" + (f" ({about})" if about else "")


def _unpublished(scenario: Scenario) -> bool:
    system: Protocol = protocols.get(scenario.protocol.name)
    return system.rule is None and scenario.rule.name == NO_RULE
