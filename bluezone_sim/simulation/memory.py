"""What a run needs in memory, before it starts; and what there is."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .. import protocols
from ..errors import InputError
from ..scenario.chosen import ContactsTable
from ..scenario.model import Scenario
from ..scenario.profiles import profile_of

#: Interpreter, libraries and compiled kernels, MiB: 190 measured with 10 cases, and 260 to 280 in the run
#: that compiles them, which keeps what it took (70 to 135 more with 200 cases too).
_BASE_MIB = 280.0
#: Bytes of a person: 182 measured between 200,000 and 3 M people.
_PERSON_BYTES = 200.0
#: MiB of a source of keys who runs the app, each day, with the default contacts: its contacts, and its
#: records and matches at one scan in 300 s, which its protocol tells (``record_mib``). Measured together
#: with 50 to 200 cases, and records a little rounded up: 0.046 (Bluezone, a scan in 300 s), 0.086 (GAEN,
#: 256 s), 0.13 to 0.16 (DP-3T, 60 s), 0.28 (TCN, 60 s), 0.31 (BlueTrace, 40 s), 0.22 (ROBERT, 60 s).
_CONTACTS_MIB = 0.02
#: Those who are warned meet more people than others do, so following them takes so many times as much.
_BUSIER = 1.1
#: What the day loop of a whole population takes beside, MiB: 14 to 35 measured. Bytes of a person of whom
#: histories or identifiers are made: 50 to 130 measured with three cases a thousand people.
_WHOLE_MIB, _WHOLE_PERSON_BYTES = 40.0, 150.0
#: What the contacts and records of sources that are traced together may take, MiB.
_TOGETHER_MIB = 300.0
#: Bytes of a case while the intervals are drawn, which is after all were followed: 38,000 measured
#: between 2,000 and 20,000 cases.
_DRAWN_BYTES = 42_000.0
#: Bytes of a case at a level, its risky pairs and what phones hold of it: 1,000 to 9,000 measured between
#: one level and six.
_CASE_BYTES = 5_000.0
#: Bytes of an F2 warning while its level is put together and kept.
_F2_BYTES = 80.0
#: Of a person in an arm of an epidemic: when and by whom infected, known, at home until when; and of a
#: person and day: the arms in which they were at home.
_ARM_BYTES, _HOME_BYTES = 24.0, 8.0
#: F1s of a case if everybody had the app: 42 in yen-bai-2020, from 14.3 where 58.5 % have it.
_F1_PER_CASE = 45.0
#: F2s of a case when everybody who owns a smartphone runs the app: 545 in yen-bai-2020.
_F2_PER_CASE = 600.0


def estimate_mib(scenario: Scenario) -> float:
    """Upper estimate of a run's peak resident memory, MiB: a fit on measured runs, first ones too."""
    people, users = scenario.population.people, max(scenario.level_users(), default=0)
    cases, days, campaign = scenario.index_cases, scenario.look_back_days, scenario.campaign
    levels = float(len(scenario.adoption.levels))
    if campaign is not None or scenario.adoption.draws:  # they are followed as if all had the app
        users, levels = scenario.population.smartphones, levels + 1
    if campaign is not None:
        days += (campaign.until - scenario.date).days
        levels += days / scenario.look_back_days
    share = users / people
    busy = max(1.0, _degree(scenario.contacts) / _degree(ContactsTable()))
    f1 = min(cases.f2_count * _F1_PER_CASE * busy * share**2, users)
    f2 = cases.f2_count * min(_F2_PER_CASE * busy**2, users) * len(scenario.adoption.levels)
    contacts, records = _source_day_mib(scenario)
    together = max(20.0, sources_together(scenario) * scenario.look_back_days / days)
    base, person = _BASE_MIB, _PERSON_BYTES
    if scenario.protocol.histories == "whole":  # no source has records of its own
        base, records, f1 = base + _WHOLE_MIB, 0.0, 0.0
    if scenario.protocol.histories == "whole" or scenario.protocol.identifiers == "full":
        person += _WHOLE_PERSON_BYTES
    followed = (
        min(cases.count, together) * (contacts + records * share),
        min(f1, together) * (contacts + records) * _BUSIER,
    )
    if scenario.epidemic is not None:
        # What phones hold of the cases of a day follows the sources that are together anyway.
        arms = len(scenario.epidemic.arms) or len(scenario.adoption.levels) + 5
        person += arms * _ARM_BYTES + (scenario.look_back_days + 4) * _HOME_BYTES
    return (
        base
        + people * person / (1 << 20)
        + max(max(followed) * days * busy, cases.count * _DRAWN_BYTES / (1 << 20))
        + (f2 * _F2_BYTES + cases.count * levels * _CASE_BYTES) / (1 << 20)
    )


def sources_together(scenario: Scenario) -> int:
    """Sources of keys whose contacts and records of the look-back are made together."""
    return max(20, int(_TOGETHER_MIB / (scenario.look_back_days * sum(_source_day_mib(scenario)))))


def _source_day_mib(scenario: Scenario) -> tuple[float, float]:
    """Contacts, and records, of a source who runs the app."""
    profile, phones = profile_of(scenario), scenario.phones
    period_s = min(
        p.foreground.scan_period_s(phones.screen_on_share, phones.audio_share)
        for p in (profile.android, profile.ios)
    )
    return _CONTACTS_MIB, protocols.get(scenario.protocol.name).record_mib * 300 / period_s


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


def peak_memory_mib() -> float:
    """Most memory that this process has held so far, MiB; 0 where the platform does not tell.

    Linux is asked for that of the program that runs: what ``getrusage`` says counts that of the process
    which started it as well.
    """
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024
