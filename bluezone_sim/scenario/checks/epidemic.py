"""Faults of ``[epidemic]``: arms that name each other, keys of arms that nothing reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...errors import Fault
from ..dotted import Raw, dotted
from ..dotted import get as _get
from ..dotted import number as _number
from ..schema.epidemic import Arm

#: What an arm may set: what changes neither people nor whom they meet.
SETTABLE = (
    "protocol",
    "rule",
    "publication",
    "confirmation",
    "radio",
    "phones",
    "f2",
    "epidemic.behaviour",
    "epidemic.tests",
    "epidemic.manual",
)
#: Tables beside ``epidemic`` that arms read in which no phone finds anybody: whose keys are published,
#: and of which days.
_READ = {
    "risky": ("protocol", "publication"),
    "contacts": ("protocol", "publication"),
    "random": (),
}
_DEFAULTS = {name: field.default for name, field in Arm.model_fields.items()}
#: Of these, calibration belongs to people.
_OF_PEOPLE = ("phones.models", "tx_power", "rx_correction")


def settable(key: str) -> bool:
    """Whether an arm may set a dotted key."""
    inside = any(key == table or key.startswith(f"{table}.") for table in SETTABLE)
    return inside and not any(part in key for part in _OF_PEOPLE)


def _epidemic(raw: Raw, merged: Raw) -> Iterator[Fault]:
    table, path = _get(merged, "epidemic"), "epidemic"
    if not isinstance(table, dict):
        return
    if _get(merged, "contacts.source") == "trace":
        yield Fault(path, "needs contacts on any day, and a trace has those of its own days alone")
    if _get(merged, "radio.density") == "on":
        yield Fault(path, 'needs radio.density = "off": crowds would change with every arm')
    if _get(merged, "campaign") is not None:
        yield Fault(path, "has levels that stay, and a campaign changes them", "remove one of both")
    people, infected = _number(merged, "population.people"), _number(table, "infected")
    if people is not None and infected is not None and infected > people:
        yield Fault(f"{path}.infected", f"{infected:,} exceed the {people:,} people")
    if infected == 0 and not _number(table, "imports_per_day"):
        yield Fault(f"{path}.infected", "nobody is infected", "give infected, or imports_per_day")
    arms = _get(table, "arms")
    arms = [a for a in arms if isinstance(a, dict)] if isinstance(arms, list) else []
    names = [a.get("name") for a in arms]
    for i, arm in enumerate(arms):
        yield from _arm(arm, f"{path}.arms[{i}]", names, arms)
        if names.index(arm.get("name")) < i:
            yield Fault(f"{path}.arms[{i}].name", f"{arm.get('name')!r} is there twice")
    by_app_alone = bool(arms) and not any(a.get("manual", True) for a in arms)
    if by_app_alone and _get(raw, "epidemic.manual") is not None:
        yield Fault(f"{path}.manual", "has no effect without an arm that is manual", "", True)


def _arm(arm: Raw, path: str, names: list[Any], arms: list[Raw]) -> Iterator[Fault]:
    finds, level = arm.get("finds", "phones"), _number(arm, "level") or 0.0
    for key, needed in (("contact_share", "contacts"), ("as_many", "random"), ("f2", "phones")):
        if arm.get(key, _DEFAULTS[key]) != _DEFAULTS[key] and finds != needed:
            yield Fault(f"{path}.{key}", f'has no effect with finds = "{finds}"', "remove it", True)
    if level == 0:
        for key in ("finds", "f2"):
            if arm.get(key, _DEFAULTS[key]) != _DEFAULTS[key]:
                yield Fault(f"{path}.{key}", "has no effect with level = 0", "give a level", True)
    if finds == "random" and level > 0:
        other = arm.get("as_many")
        if other not in names:
            known = ", ".join(repr(n) for n in names if n != arm.get("name"))
            yield Fault(f"{path}.as_many", f"expected the name of another arm, one of {known}")
        elif arms[names.index(other)].get("finds") == "random":
            yield Fault(f"{path}.as_many", f"{other!r} warns at random itself")
        elif not _number(arms[names.index(other)], "level"):
            yield Fault(f"{path}.as_many", f"{other!r} warns nobody: its level is 0")
    changes = arm.get("set")
    for key, _ in dotted(changes) if isinstance(changes, dict) else ():
        if not settable(key):
            yield Fault(
                f"{path}.set.{key}",
                "changes people, contacts or days, which all arms share",
                f"an arm may set keys of {', '.join(SETTABLE)}",
            )
        elif (why := _unread(key, arm, level)) is not None:
            yield Fault(f"{path}.set.{key}", f"has no effect with {why}", "remove it", True)


def _unread(key: str, arm: Raw, level: float) -> str | None:
    """Why nothing in an arm reads a key that it sets; None where something does."""
    finds, table = arm.get("finds", "phones"), key.partition(".")[0]
    if table == "epidemic":
        by_hand = key == "epidemic.manual" or key.startswith("epidemic.manual.")
        return "manual = false" if by_hand and not arm.get("manual", True) else None
    if level == 0:
        return "level = 0"
    if finds in _READ and table not in _READ[finds]:
        return f'finds = "{finds}"'
    return "f2 = false" if table == "f2" and not arm.get("f2", False) else None


CHECKS = (_epidemic,)
