"""Finds, reads, overrides and validates scenarios."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import Fault, InputError, ScenarioError
from ..reading.bounded import is_file, is_folder, read_text
from ..reading.documents import MOST_TOML, parse_toml
from .by_protocol import as_written, mark_filled, with_protocol
from .checks.cross import cross_faults
from .dotted import SHORT, Raw, change, override, with_dotted_axes
from .dotted import get as _get
from .faults import fault_of
from .inputs.phone_models import with_models
from .inputs.radio_file import KEY as RADIO_FILE
from .inputs.radio_file import with_radio_file
from .inputs.smartphones import with_smartphones
from .inputs.traces.fill import TRACE_SAYS, with_trace
from .merging import with_defaults, without_others
from .model import Scenario
from .schema.experiment import SensitivityArm


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
    elif is_folder(path):
        if not any(is_file(path / name) for name in ("manifest.json", "sweep.json")):
            raise InputError(f"{path}: is a folder, and no run's; expected a scenario's TOML file")
        raise InputError(
            f"{path}: is a folder, expected a scenario's TOML file; bluezone-sim show {path} > my.toml "
            "writes that of its run or sweep"
        )
    elif not is_file(path):
        near = get_close_matches(str(name_or_path), known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(
            f"scenario {str(name_or_path)!r}: no such file, and no shipped scenario of that name "
            f"({', '.join(known)}){hint}"
        )
    return read_text(path, MOST_TOML), str(name_or_path)


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
    raw = parse_toml(text, source)
    for key, value in (overrides or {}).items():
        try:
            change(raw, key, value)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise InputError(f"--set {key}: {error}") from None
    return validate(raw, source, folder)


def validate(raw: Raw, source: str = "scenario", folder: Path | None = None) -> Scenario:
    """A scenario from a mapping.

    Raises:
        ScenarioError: every fault, of single keys and between keys.
    """
    faults: list[Fault] = []
    raw = with_dotted_axes(raw)
    for fill in (with_radio_file, with_trace, with_smartphones, with_models):
        raw = fill(raw, folder or Path(), faults)
    written, raw = raw, with_protocol(raw)
    raw, others = without_others(raw)
    faults += others
    merged = with_defaults(Scenario, raw)
    scenario: Scenario | None = None
    try:
        scenario = mark_filled(Scenario.model_validate(merged), written)
    except ValidationError as error:
        faults += [fault_of(e, Scenario, merged) for e in error.errors()]
    unread = any(fault.path.startswith("contacts.trace") for fault in faults)
    if unread:  # a trace that can be read says these itself
        faults = [f for f in faults if f.message != "missing" or f.path not in TRACE_SAYS]
    faults += cross_faults(raw, merged)
    faults += list(_arm_faults(written, faults))
    faults += list(_grid_faults(raw, merged))
    if faults or scenario is None:
        raise ScenarioError(source, sorted(set(faults), key=lambda f: (f.path, f.message)))
    return scenario


def _arm_faults(raw: Raw, known: Collection[Fault]) -> Iterator[Fault]:
    """Faults that an arm, of sensitivity or of an epidemic, adds to those ``known`` without it."""
    merged: Raw | None = None
    for path, changes in _arms_in(raw):
        if RADIO_FILE in changes:
            yield Fault(f"{path}: {RADIO_FILE}", "no key of an arm", "set the file's keys instead")
            continue
        try:
            if path.startswith("sensitivity"):
                merged = with_defaults(Scenario, raw) if merged is None else merged
                effective = _effective(merged, changes)
                if isinstance(effective, LeftOut):
                    continue  # the result names it
                changes = effective
            validate(_changed(raw, changes), path)
        except ScenarioError as error:
            for fault in error.faults:
                # An arm may well switch off what the scenario describes, and not what it sets itself.
                if fault not in known and not (fault.unused and not _sets(changes, fault.path)):
                    yield Fault(f"{path}: {fault.path}", fault.message, fault.hint)
        except ValueError as error:
            yield Fault(path, str(error))


def _arms_in(raw: Raw) -> Iterator[tuple[str, Raw]]:
    """What each arm sets, by its path."""
    for name in ("sensitivity", "epidemic"):
        table = raw.get(name)
        arms = table.get("arms") if isinstance(table, dict) else None
        for i, arm in enumerate(arms if isinstance(arms, list) else []):
            changes = arm.get("set") if isinstance(arm, dict) else None
            if isinstance(changes, dict) and changes:
                yield f"{name}.arms[{i}].set", changes


def _grid_faults(raw: Raw, merged: Raw) -> Iterator[Fault]:
    """Axes of the scenario's own sweep that are no keys; what their values make is planned later."""
    table = raw.get("sweep")
    grid = table.get("grid") if isinstance(table, dict) else None
    for key, values in grid.items() if isinstance(grid, dict) else ():
        if not isinstance(values, list) or not values:
            continue
        path, changed = f"sweep.grid.{key}", copy.deepcopy(merged)
        name = SHORT.get(str(key), str(key))
        try:
            change(changed, name, values[0])
            changed = with_smartphones(changed, Path(), [])
            Scenario.model_validate(without_others(with_protocol(changed))[0])
        except ValidationError as error:
            for found in (e for e in error.errors() if e["type"] == "extra_forbidden"):
                fault = fault_of(found, Scenario, changed)
                if name.startswith(fault.path):
                    yield Fault(path, fault.message, fault.hint)
        except ValueError as error:
            yield Fault(path, str(error))


def _changed(raw: Raw, changes: Mapping[str, Any]) -> Raw:
    out = copy.deepcopy({k: v for k, v in raw.items() if k != "sensitivity"})
    if isinstance(out.get("epidemic"), dict):  # what an arm sets, not the arms again
        out["epidemic"].pop("arms", None)
    for key, value in changes.items():
        change(out, key, value)
    return out


@dataclass(frozen=True)
class LeftOut:
    """A sensitivity arm that is not run, and why."""

    why: str


def _effective(merged: Raw, changes: Mapping[str, Any]) -> Raw | LeftOut:
    """An arm's changes without those that have no effect in the scenario.

    Args:
        merged: the scenario over the defaults.
        changes: dotted keys and their values, one or more.
    """
    given: Raw = {}
    for key, value in changes.items():
        override(given, key, value)
    changed = with_protocol(_changed(merged, changes))
    rule: Raw = {}
    if isinstance(given.get("rule"), dict):
        rule = {"rule": {"name": _get(changed, "rule.name"), **given["rule"]}}
    faults = [*without_others({**given, **rule})[1], *cross_faults(given, changed)]
    for fault in faults:
        if fault.of_protocol and any(fault.path == key for key in changes):
            return LeftOut(f"{fault.path}: {fault.message}")
    why = {
        key: fault
        for key in changes
        for fault in faults
        if fault.unused and _covers(fault.path, key)
    }
    kept = {key: value for key, value in changes.items() if key not in why}
    return kept or LeftOut("; ".join(f"{key} {fault.message}" for key, fault in why.items()))


def _sets(changes: Mapping[str, Any], path: str) -> bool:
    """One of the dotted keys is this, or a table with it."""
    return any(_covers(key, path) for key in changes)


def _covers(path: str, key: str) -> bool:
    """``key`` is at a dotted path or below it."""
    return key == path or key.startswith(path + ".")


def arm_scenario(scenario: Scenario, arm: SensitivityArm) -> Scenario | LeftOut:
    """The scenario with one sensitivity arm's changes, without its sensitivity runs.

    That the changes are right was checked when the scenario was loaded. An arm is left out where none of
    them has an effect, or the protocol cannot be followed with them.
    """
    raw = scenario.model_dump()
    effective = _effective(as_written(scenario, raw), arm.set)
    if isinstance(effective, LeftOut):
        return effective
    # Another rule has defaults of its own.
    raw["rule"] = scenario.rule.model_dump(exclude_defaults=True)
    changed = with_protocol(_changed(as_written(scenario, raw), effective))
    return Scenario.model_validate(without_others(changed)[0])


def with_arm(scenario: Scenario, changes: Mapping[str, Any]) -> Scenario:
    """The scenario under what one arm of its epidemic sets, without the arms.

    The arm alone: what other arms set may be of another protocol or rule.

    Raises:
        ScenarioError: every fault of the changed scenario.
    """
    if not changes or scenario.epidemic is None:
        return scenario
    bare = scenario.epidemic.model_copy(update={"arms": []})
    changed = point_scenario(scenario.model_copy(update={"epidemic": bare}), changes)
    return changed.model_copy(update={"name": scenario.name})


def point_scenario(scenario: Scenario, changes: Mapping[str, Any]) -> Scenario:
    """The scenario with one grid point's changes, validated.

    A key that only other points of the grid need may stay; one of ``changes`` without effect is a
    fault, since its values would be arms that do not differ.

    Raises:
        ScenarioError: every fault of the changed scenario.
    """
    raw = as_written(scenario, scenario.model_dump(exclude_defaults=True))
    for key in ("sensitivity", "sweep", "expect"):
        raw.pop(key, None)
    for key, value in changes.items():
        change(raw, key, value)
    raw = with_smartphones(with_models(raw, Path(), []), Path(), [])
    try:
        return validate(raw)
    except ScenarioError as error:
        faults = [f for f in error.faults if not f.unused or _sets(changes, f.path)]
        if faults:
            raise ScenarioError(error.source, faults) from None
    filled = with_protocol(raw)
    made = Scenario.model_validate(with_defaults(Scenario, without_others(filled)[0]))
    return mark_filled(made, raw)
