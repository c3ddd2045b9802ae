"""Scenarios of results that are opened again, as this version or an earlier one has written them."""

from __future__ import annotations

import json
from collections.abc import Collection

from pydantic import ValidationError

from ..errors import ScenarioError
from ..reading.documents import parse_toml
from .by_protocol import mark_tables
from .dotted import Raw
from .faults import fault_of
from .merging import with_defaults, without_others
from .model import Scenario


def stored_scenario(raw: Raw, left_to_protocol: Collection[str] = ()) -> Scenario:
    """The scenario of a result that is opened again.

    Args:
        raw: as its manifest has it. Earlier versions wrote the keys of every rule with each.
        left_to_protocol: tables that it left to its protocol; earlier versions wrote none.
    """
    rule = raw.get("rule")
    if isinstance(rule, dict):
        raw = {**raw, "rule": {k: v for k, v in rule.items() if v is not None}}
    made = Scenario.model_validate_json(json.dumps(without_others(_without_width(raw))[0]))
    return mark_tables(made, left_to_protocol)


def stored_text(text: str, source: str, left_to_protocol: Collection[str] = ()) -> Scenario:
    """The scenario of results that are opened again, from its TOML; no file that it names is read.

    Args:
        text: of :func:`.describe.resolved_toml`, stored.
        source: what messages call it.
        left_to_protocol: as in :func:`stored_scenario`.

    Raises:
        FormatError: it is not TOML.
        ScenarioError: it is at fault.
    """
    raw = _without_width(parse_toml(text, source))
    try:
        made = Scenario.model_validate(with_defaults(Scenario, raw))
    except ValidationError as error:
        raise ScenarioError(source, [fault_of(e, Scenario, raw) for e in error.errors()]) from None
    return mark_tables(made, left_to_protocol)


def _without_width(raw: Raw) -> Raw:
    """Without ``sweep.width``: earlier versions had it, in points of recall; no result depends on it."""
    sweep = raw.get("sweep")
    if not isinstance(sweep, dict):
        return raw
    return {**raw, "sweep": {k: v for k, v in sweep.items() if k != "width"}}
