"""Faults between keys of a scenario, and keys that are set but have no effect.

They run on the mapping as written, over the defaults, so that they are found together with the faults
of single keys; a check whose own inputs are at fault is left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from ... import protocols
from ...errors import Fault, ScenarioError
from ...protocols import Keys, Protocol
from ..dotted import Raw
from ..dotted import get as _get
from ..dotted import number as _number
from ..dotted import numbers as _numbers
from ..profiles import FROM_SCENARIO, resolve
from ..schema.phones import openings
from ..schema.profile import PLATFORMS, STATES
from ..values.registries import RULES
from . import asked as checks_asked
from . import epidemic as checks_epidemic
from . import who as checks_who

_FEWEST_DRAWS = 5
_ROOMS = ("school", "work", "transport", "leisure", "other")


def cross_faults(raw: Raw, merged: Raw) -> list[Fault]:
    """All of them.

    Args:
        raw: the mapping as the user wrote it.
        merged: the same over the defaults.
    """
    checks = (
        _population,
        _layers,
        _radio,
        _radio_draws,
        _phones,
        _fronts,
        _spells,
        _cases,
        _levels,
        _rule,
        _unused,
        *checks_who.CHECKS,
        *checks_asked.CHECKS,
        *checks_epidemic.CHECKS,
    )
    return [fault for check in checks for fault in check(raw, merged)]


def _protocol(merged: Raw) -> Protocol | None:
    """The scenario's, where it is one."""
    name = _get(merged, "protocol.name")
    return protocols.get(name) if isinstance(name, str) and name in protocols.names() else None


def _tells_attenuations(system: Protocol) -> bool:
    return isinstance(system.keys, Keys) and system.keys.attenuation is not None


#: Keys of when an iPhone's app is in front; the others have no effect where the first is 0.
_FRONT = ("ios_foreground_share", "ios_never_opens", "ios_session_s", "ios_leaves_open")


def _unread(system: Protocol) -> Iterator[str]:
    """Keys of [phones] that have no effect on the protocol's app."""
    profile = resolve(system.name, {})
    if profile.in_system:
        yield from (*_FRONT, "gatt_success")
        yield from (f"{p}.killed_{k}" for p in PLATFORMS for k in ("share", "always_share", "h"))
    apps = [profile.behaviour(p, state) for p in PLATFORMS for state in STATES]
    if all(app.scan_pause_screen_on == 1 for app in apps):
        yield "screen_on_share"
    if all(app.scan_pause_audio == 1 for app in apps):
        yield "audio_share"


def _population(raw: Raw, merged: Raw) -> Iterator[Fault]:
    people, phones = (_number(merged, f"population.{k}") for k in ("people", "smartphones"))
    districts = _get(merged, "population.districts")
    if people is not None and isinstance(districts, list) and districts:
        parts = [_number(d, "people") for d in districts]
        if all(p is not None for p in parts):
            total = sum(p for p in parts if p is not None)
            if total != people:
                yield Fault(
                    "population.districts",
                    f"the districts hold {total:,} people, but population.people is {people:,}",
                    f"they differ by {abs(total - people):,}; correct one of them",
                )
    if people is not None and phones is not None and phones > people:
        yield Fault("population.smartphones", f"{phones:,} owners exceed {people:,} people")
    shares = _get(merged, "population.household_size_shares")
    if isinstance(shares, list) and shares and not any(shares):
        yield Fault("population.household_size_shares", "the shares add up to 0")
    bands = ("under_6", "age_6_17", "adult", "age_60_up")
    weights = [_number(merged, f"population.ownership.{b}") for b in bands]
    if phones and all(w == 0 for w in weights):
        yield Fault("population.ownership", "every age has weight 0, so nobody can own a phone")


def _layers(raw: Raw, merged: Raw) -> Iterator[Fault]:
    for name in _ROOMS:
        path = f"contacts.{name}"
        for key in ("session_h", "far_distance_m"):
            span = _numbers(merged, f"{path}.{key}", 2)
            if span and not 0 < span[0] <= span[1]:
                yield Fault(f"{path}.{key}", f"expected 0 < shortest <= longest, found {span}")
        session, window = (_numbers(merged, f"{path}.{k}", 2) for k in ("session_h", "window_h"))
        if session and window and session[1] > window[1] - window[0] > 0:
            yield Fault(
                f"{path}.session_h",
                f"the longest session ({session[1]} h) does not fit window_h {window}",
            )


def _radio(raw: Raw, merged: Raw) -> Iterator[Fault]:
    for kind in ("scan", "advertise"):
        on, period = (_number(merged, f"radio.{kind}_{k}_s") for k in ("on", "period"))
        for key, value in (("on", on), ("period", period)):
            if value and (value * 1000) % 1:
                yield Fault(f"radio.{kind}_{key}_s", "expected a whole number of milliseconds")
    table = _get(merged, "radio")
    if not isinstance(table, dict) or _protocol(merged) is None:
        return
    # Values of the wrong kind are faults of their own.
    keys = (*FROM_SCENARIO, "scan_period_s")
    if any(table.get(k) is not None and not _number(merged, f"radio.{k}") for k in keys):
        return
    try:
        resolve(merged["protocol"]["name"], table)
    except ScenarioError as error:
        seen = set()
        for fault in error.faults:
            if fault.message not in seen:
                seen.add(fault.message)
                key = next((k for k in keys if fault.message.startswith(k)), keys[0])
                yield Fault(f"radio.{key}", fault.message, fault.hint)


def _phones(raw: Raw, merged: Raw) -> Iterator[Fault]:
    for key, wanted in (("models", "at most 1"), ("carry", "1")):
        rows = _get(merged, f"phones.{key}")
        if not isinstance(rows, list) or not all(isinstance(r, dict) for r in rows):
            continue
        sums: dict[str, float] = {}
        for row in rows:
            name = str(row.get("platform", "android")) if key == "models" else ""
            sums[name] = sums.get(name, 0.0) + (_number(row, "share") or 0.0)
        for name, total in sums.items():
            if total > 1 + 1e-3 or (key == "carry" and total < 1 - 1e-3):
                of = f" of {name}" if name else ""
                yield Fault(
                    f"phones.{key}", f"the shares{of} add up to {total:g}; expected {wanted}"
                )
    rows, sd = _get(merged, "phones.carry"), _number(merged, "radio.shadowing_sd_db")
    pairs = [
        (_number(r, "share"), _number(r, "loss_db"))
        for r in (rows if isinstance(rows, list) else ())
        if isinstance(r, dict)
    ]
    known = [(s, x) for s, x in pairs if s is not None and x is not None]
    total = sum(s for s, _ in known)
    if sd is None or not total or len(known) < len(pairs):
        return
    mean = sum(s * x for s, x in known) / total
    spread = (2 * sum(s * (x - mean) ** 2 for s, x in known) / total) ** 0.5
    if spread > sd:
        yield Fault(
            "phones.carry",
            f"two phones spread {spread:.1f} dB, more than radio.shadowing_sd_db of {sd:g}, of which it "
            "is a part",
        )


def _fronts(raw: Raw, merged: Raw) -> Iterator[Fault]:
    values = [_number(merged, f"phones.{key}") for key in _FRONT]
    share, never, session_s, leaves_open = values
    if share is None or never is None or session_s is None or leaves_open is None:
        return
    try:
        found = openings(share, never, leaves_open, session_s)
    except ValueError as error:
        hint = "lower it or ios_never_opens, or raise ios_session_s or ios_leaves_open"
        yield Fault(f"phones.{_FRONT[0]}", str(error), hint)
        return
    if share and not found.left_s and _get(raw, "phones.ios_leaves_open"):
        text = f"has no effect where sessions alone reach phones.ios_foreground_share of {share:g}"
        hint = "remove it, raise the share, or lower phones.ios_session_s"
        yield Fault("phones.ios_leaves_open", text, hint, unused=True)


def _spells(raw: Raw, merged: Raw) -> Iterator[Fault]:
    for share, always, _ in _SPELLS:
        mean, some = _number(merged, f"phones.{share}"), _number(raw, f"phones.{always}")
        if mean and some is not None and some > mean:
            text = f"{some:g} of phones are more than the mean over all, phones.{share} of {mean:g}"
            yield Fault(f"phones.{always}", text, "lower it, or raise the other", unused=True)


def _radio_draws(raw: Raw, merged: Raw) -> Iterator[Fault]:
    draws = _number(merged, "radio.draws")
    if draws is not None and 0 < draws < _FEWEST_DRAWS:
        yield Fault(
            "radio.draws", f"{draws:g} tell no spread; expected 0, or {_FEWEST_DRAWS} and more"
        )


def _cases(raw: Raw, merged: Raw) -> Iterator[Fault]:
    count, f2 = (_number(merged, f"index_cases.{k}") for k in ("count", "f2_count"))
    people = _number(merged, "population.people")
    if count is not None and people is not None and count > people:
        yield Fault("index_cases.count", f"{count:,} cases exceed the {people:,} people")
    if count is not None and f2 is not None and f2 > count:
        yield Fault("index_cases.f2_count", f"{f2:,} exceeds index_cases.count of {count:,}")


def _levels(raw: Raw, merged: Raw) -> Iterator[Fault]:
    levels, owners = _get(merged, "adoption.levels"), _number(merged, "population.smartphones")
    for i, level in enumerate(levels if isinstance(levels, list) else []):
        users = _number(level, "users")
        if users is not None and owners is not None and users > owners:
            yield Fault(
                f"adoption.levels[{i}].users",
                f"{users:,} users exceed the {owners:,} smartphone owners",
            )


def _rule(raw: Raw, merged: Raw) -> Iterator[Fault]:
    name = _get(merged, "rule.name")
    if not isinstance(name, str) or name not in RULES.names():
        return
    system = _protocol(merged)
    if (
        RULES.get(name).needs == "attenuation"
        and system is not None
        and not _tells_attenuations(system)
    ):
        able = [n for n in protocols.names() if _tells_attenuations(protocols.get(n))]
        names = " or ".join(f'"{n}"' for n in able)
        yield Fault(
            "rule.name",
            f"{name} weighs attenuations, which {system.name} does not tell",
            f'expected protocol.name = {names}, or rule.name = "minutes-near"',
            of_protocol=True,
        )


#: Shares of the phones' time; of the phones that are always so; mean length of the others' spells.
_SPELLS = (
    ("off_share", "off_always_share", "off_h"),
    *(
        (f"{p}.{cause}_share", f"{p}.{cause}_always_share", f"{p}.{cause}_h")
        for p in PLATFORMS
        for cause in ("saver", "killed")
    ),
)
#: The same without phones that are always so, with what has no effect where they are 0.
_TIMES = (("night_off_share", "night_h"), ("away_share", "away_h"))


def _unused(raw: Raw, merged: Raw) -> Iterator[Fault]:
    """Keys that the user set and that nothing reads."""

    def useless(path: str, because: str) -> Iterator[Fault]:
        if _get(raw, path) is not None:
            text = f"has no effect with {because}"
            yield Fault(path, text, "remove it, or change the other", unused=True)

    known_as = _get(merged, "index_cases.course.known_as") or "confirmed"
    dead = "positive_share" if known_as == "confirmed" else "confirmed_after_days"
    yield from useless(f"index_cases.course.{dead}", f'course.known_as = "{known_as}"')
    if _get(merged, "index_cases.course") is not None:
        yield from useless("index_cases.onset_to_confirmation_days", "index_cases.course")
    if _number(merged, "publication.offline_share") == 0:
        yield from useless("publication.offline_h", "publication.offline_share = 0")
    if _get(merged, "phones.models") is None:
        for key in ("phones.models_file", "phones.models_sha256"):
            if _get(raw, key) is not None:
                why, how = (
                    "has no effect without phones.models",
                    'models = "phones.csv" reads a table',
                )
                yield Fault(key, why, how, unused=True)
    if _get(merged, "f2.confirm") in ("none", "mutual"):
        yield from useless("f2.test_share", f'f2.confirm = "{_get(merged, "f2.confirm")}"')
    # Arms of an epidemic may warn F2s, however many those of single cases are.
    if _number(raw, "index_cases.f2_count") == 0 and _get(merged, "epidemic") is None:
        yield from useless("f2", "index_cases.f2_count = 0")
    if _number(merged, "population.ios_share") == 0:
        for key in ("ios", *_FRONT, "gatt_success"):
            yield from useless(f"phones.{key}", "population.ios_share = 0")
    if _get(merged, "confirmation.by") == "nobody":
        for key in ("share", "delay_h"):
            yield from useless(f"confirmation.{key}", 'confirmation.by = "nobody"')
    system = _protocol(merged)
    if system is not None:
        name = _get(merged, "rule.name")
        if name in RULES.names() and RULES.get(name).needs == "distance":
            dead = "thresholds" if _tells_attenuations(system) else "attenuation_2m_db"
            yield from useless(f"rule.{dead}", f'protocol.name = "{system.name}"')
        for key in _unread(system):
            yield from useless(f"phones.{key}", f'protocol.name = "{system.name}"')
    for share, *keys in (*_SPELLS, *_TIMES, _FRONT):
        if _number(merged, f"phones.{share}") == 0:
            for key in keys:
                yield from useless(f"phones.{key}", f"phones.{share} = 0")
    for share, always, spell_h in _SPELLS:
        mean, some = (_number(merged, f"phones.{k}") for k in (share, always))
        if mean and some is not None and some >= mean:
            yield from useless(f"phones.{spell_h}", f"phones.{always} as great as phones.{share}")
    if (
        _get(merged, "protocol.identifiers") == "full"
        and _get(merged, "publication.upload") == "history"
    ):
        yield Fault(
            "protocol.identifiers",
            "the server looks up only what a case uploads, so no more is derived",
            'expected protocol.histories = "whole"',
        )
    if _number(merged, "population.smartphones") == 0:
        yield from useless("population.ownership", "population.smartphones = 0")
