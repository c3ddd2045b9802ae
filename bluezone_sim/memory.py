"""What a run needs in memory, before it starts; and what there is."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import InputError
from .scenario.model import Scenario

#: Interpreter, libraries and compiled kernels, MiB (measured).
_BASE_MIB = 330.0
#: Bytes a person: the population, its groups and keys (measured).
_PER_PERSON = 260.0
#: Contact segments of a person and day, bytes each with what is made of them (measured).
_PER_PERSON_DAY = 2_600.0


def estimate_mib(scenario: Scenario, threads: int = 1) -> float:
    """Upper estimate of a run's peak resident memory, MiB."""
    from .tracing import _PEOPLE_CHUNK, _SOURCES_CHUNK

    people, days = scenario.population.people, scenario.look_back_days
    together = scenario.index_cases.count
    if scenario.index_cases.f2_count:
        together = max(together, min(people, _SOURCES_CHUNK))
    if scenario.protocol.identifiers == "full":
        together = max(together, 2 * min(people, _PEOPLE_CHUNK))
    size = people * _PER_PERSON + together * days * _PER_PERSON_DAY
    return _BASE_MIB + size / (1 << 20)


def check_limit(scenario: Scenario, threads: int = 1) -> None:
    """Refuses a run that would need more than the scenario allows.

    Raises:
        InputError: with the estimate and what to do.
    """
    limit = scenario.limits.memory_mib if scenario.limits else None
    if limit is None:
        return
    needed = estimate_mib(scenario, threads)
    if needed > limit:
        raise InputError(
            f"limits.memory_mib: {limit:,.0f} MiB, but this run needs up to {needed:,.0f} MiB; lower "
            "index_cases.count, index_cases.f2_count or population.people, or raise the limit"
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
