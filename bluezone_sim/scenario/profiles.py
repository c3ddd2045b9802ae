"""Radio profiles: what a system's app does on each platform and in each of its states.

A profile is TOML that a protocol brings (``radio``); every value is a table of the value and where it was
read. A platform may have tables for its states (``[ios.background]``), which say only what differs from
the platform's own, its foreground.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import ValidationError

from .. import protocols
from ..errors import Fault, InputError, ScenarioError
from .dotted import override
from .faults import fault_of, nearest
from .model import Scenario
from .schema.profile import PLATFORMS, STATES, RadioProfile


def load_profile(protocol: str, changes: Mapping[str, Any] | None = None) -> RadioProfile:
    """The radio profile of a protocol.

    Args:
        protocol: its name, such as ``"bluezone"``.
        changes: dotted keys and their values, such as ``{"ios.background.sends": "service"}``; a key
            of a platform changes its states that do not say otherwise.

    Raises:
        InputError: there is no such profile, or no such key.
        ScenarioError: a value is at fault, or values do not fit each other; every fault is listed.
    """
    if protocol not in protocols.names():
        hint = nearest(protocol, list(protocols.names()))
        raise InputError(f"profile {protocol!r}: {hint}")
    text = protocols.get(protocol).radio.read_text(encoding="utf-8")
    raw: dict[str, Any] = tomllib.loads(text)
    sources: dict[str, str] = {}
    plain = _strip(raw, "", sources)
    for key, value in (changes or {}).items():
        try:
            override(plain, key, value)
        except (TypeError, ValueError) as error:
            raise InputError(f"--set {key}: {error}") from None
        sources[key] = "set by the user"
    return _validated({**plain, "sources": sources}, f"profile {protocol}")


def _validated(raw: dict[str, Any], source: str) -> RadioProfile:
    try:
        return RadioProfile.model_validate(raw)
    except ValidationError as error:
        faults = {_as_written(fault_of(e, RadioProfile), raw) for e in error.errors()}
        raise ScenarioError(source, sorted(faults, key=lambda f: f.path)) from None


def _as_written(fault: Fault, raw: dict[str, Any]) -> Fault:
    """A state inherits the platform's fault; what was written is the platform's key."""
    platform, *rest = fault.path.split(".")
    if platform not in PLATFORMS or not rest or rest[0] not in STATES:
        return fault
    table = raw.get(platform, {})
    inherited = rest[0] not in table or (len(rest) > 1 and rest[1] not in table[rest[0]])
    path = ".".join([platform, *rest[1:]]) if inherited else fault.path
    return Fault(path, fault.message, fault.hint)


def _strip(raw: dict[str, Any], path: str, sources: dict[str, str]) -> dict[str, Any]:
    """Values without their sources, which go to ``sources`` by dotted key."""
    out: dict[str, Any] = {}
    for key, value in raw.items():
        full = f"{path}.{key}" if path else key
        if isinstance(value, dict) and "source" in value:
            out[key] = value["value"]
            sources[full] = value["source"]
        elif isinstance(value, dict):
            out[key] = _strip(value, full, sources)
        else:
            out[key] = value
    return out


#: Keys of a scenario's [radio] that replace the profile's on both platforms and in every state.
FROM_SCENARIO = ("scan_on_s", "advertise_on_s", "advertise_period_s", "advertise_interval_ms")


def profile_of(scenario: Scenario) -> RadioProfile:
    """The profile of a scenario's protocol, with what its [radio] sets.

    Raises:
        ScenarioError: the two do not fit each other.
    """
    return resolve(scenario.protocol.name, scenario.radio.model_dump())


@cache
def _plain(name: str) -> RadioProfile:
    return load_profile(name)


def resolve(protocol: str, radio: Mapping[str, Any]) -> RadioProfile:
    """:func:`profile_of`, from a protocol's name and the [radio] table as a mapping."""
    profile = _plain(protocol)
    given = {key: radio[key] for key in FROM_SCENARIO if radio.get(key) is not None}
    period = radio.get("scan_period_s")
    if not given and period is None:
        return profile
    raw = profile.model_dump()
    for platform in PLATFORMS:
        for state in STATES:
            at = raw[platform][state]
            before = at["scan_on_s"] + at["scan_pause_s"]
            at.update(given)
            if period is not None:
                at["scan_pause_jitter_s"] = at["scan_pause_least_s"] = 0.0
                at["scan_pause_screen_on"] = at["scan_pause_audio"] = 1.0
            longest = before if period is None else period
            at["scan_pause_s"] = longest - at["scan_on_s"]
            if at["scan_pause_s"] < at["scan_pause_jitter_s"]:
                fault = (
                    f"scan_on_s of {at['scan_on_s']:g} does not fit scan_period_s of "
                    f"{longest - at['scan_pause_jitter_s']:g}"
                )
                raise ScenarioError("radio", [Fault(f"{platform}.{state}", fault)])
    return _validated({**raw, "sources": profile.sources}, "radio")
