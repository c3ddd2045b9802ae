"""What a run needs in memory, before it starts; and what there is."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import InputError
from .scenario.model import ContactsTable, Scenario
from .scenario.profiles import profile_of

#: Interpreter, libraries and compiled kernels, MiB: 362 measured with 10 cases.
_BASE_MIB = 380.0
#: Bytes of a person: 50 measured between 100,000 and 1 M people.
_PERSON_BYTES = 120.0
#: MiB of a source of keys who runs the app, each day, with the default contacts: its contacts, and its
#: records and matches at one scan in 300 s. Measured together: 0.045 (Bluezone, 300 s), 0.068 (GAEN,
#: 256 s), 0.23 (DP-3T, 60 s).
_CONTACTS_MIB, _RECORDS_MIB = 0.025, 0.042
#: What the day loop of a whole population takes beside, MiB, and bytes of a person: 400 in all were
#: measured between 300,000 and 1 M people.
_WHOLE_MIB, _WHOLE_PERSON_BYTES = 60.0, 280.0
#: What the contacts and records of sources that are traced together may take, MiB.
_TOGETHER_MIB = 400.0
#: Bytes of a case at a level: its risky pairs and what phones hold of it.
_CASE_BYTES = 5_000.0
#: Bytes of an F2 warning while its level is put together and kept.
_F2_BYTES = 80.0
#: F1s of a case if everybody had the app: 53 in yen-bai-2020, from 18.2 where 58.5 % have it.
_F1_PER_CASE = 80.0
#: F2s of a case when everybody who owns a smartphone runs the app: 545 in yen-bai-2020.
_F2_PER_CASE = 600.0


def estimate_mib(scenario: Scenario) -> float:
    """Upper estimate of a run's peak resident memory, MiB; a fit on measured runs."""
    people, users = scenario.population.people, max(scenario.level_users(), default=0)
    share, cases = users / people, scenario.index_cases
    sources = cases.count * share
    busy = max(1.0, _degree(scenario.contacts) / _degree(ContactsTable()))
    f1 = cases.f2_count * _F1_PER_CASE * busy * share**2
    sources = min(max(sources, min(f1, users)), sources_together(scenario))
    levels = len(scenario.adoption.levels)
    f2 = cases.f2_count * min(_F2_PER_CASE * busy**2, users) * levels
    base, person = _BASE_MIB, _PERSON_BYTES
    if scenario.protocol.histories == "whole":
        base, person = base + _WHOLE_MIB, person + _WHOLE_PERSON_BYTES
    return (
        base
        + people * person / (1 << 20)
        + sources * scenario.look_back_days * busy * _source_day_mib(scenario)
        + (f2 * _F2_BYTES + cases.count * levels * _CASE_BYTES) / (1 << 20)
    )


def sources_together(scenario: Scenario) -> int:
    """Sources of keys whose contacts and records of the look-back are made together."""
    a_source = scenario.look_back_days * _source_day_mib(scenario)
    return max(20, int(_TOGETHER_MIB / a_source))


def _source_day_mib(scenario: Scenario) -> float:
    profile, phones = profile_of(scenario), scenario.phones
    period_s = min(
        p.foreground.scan_period_s(phones.screen_on_share, phones.audio_share)
        for p in (profile.android, profile.ios)
    )
    return _CONTACTS_MIB + _RECORDS_MIB * 300 / period_s


def _degree(contacts: ContactsTable) -> float:
    """About how many people somebody meets or is near on a day."""
    degree = 3.0  # household
    degree += (contacts.neighbours.group_size - 1) * contacts.neighbours.tie
    for name in ("school", "work", "transport", "leisure", "other"):
        layer = getattr(contacts, name)
        near = layer.tie * layer.meet + min(1.0, layer.copresence * contacts.copresence_scale)
        member = getattr(layer, "member_share", 1.0)
        degree += (layer.group_size - 1) * layer.attendance**2 * near * member
    return degree


def check_limit(scenario: Scenario) -> None:
    """Refuses a run that would need more than the scenario allows.

    Raises:
        InputError: with the estimate and what to do.
    """
    limit = scenario.limits.memory_mib if scenario.limits else None
    if limit is None:
        return
    needed = estimate_mib(scenario)
    if needed > limit:
        raise InputError(
            f"{scenario.name}: limits.memory_mib is {limit:,.0f}, but a run may need {needed:,.0f} MiB; "
            "lower index_cases.count or f2_count, or population.people, or raise the limit"
        )


def available_mib() -> float | None:
    """What the machine, or the control group of this process, can still give; None if unknown."""
    found = []
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) / 1024)
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        used = Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii")
        if limit != "max":
            found.append((int(limit) - int(used)) / (1 << 20))
    except (OSError, ValueError):
        pass
    if not found and hasattr(os, "sysconf") and "SC_AVPHYS_PAGES" in os.sysconf_names:
        found.append(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 20))
    return min(found, default=None)
