"""``bench engine``: runs of a fortnight from beginning to end, at any size.

The scenario is Yên Bái's, its districts stretched to the number of people, with the app on 60 % of
smartphones and three cases for each thousand people. Each figure is measured in a process of its own.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import BluezoneSimError, InputError
from ..scenario import Scenario, load
from ..scenario.schema.exposure import IndexCases
from ..scenario.schema.population import District
from ..scenario.schema.radio import ProtocolTable
from ..tables.table import Table

#: What is made: identifiers of phones whose keys are published (lazy) or of every phone (full), and the
#: contacts and records of phones that sent a published one; or those of every phone as well (whole).
Mode = Literal["lazy", "full", "whole"]
MODES: tuple[Mode, ...] = ("lazy", "full", "whole")
PROTOCOLS = ("bluezone", "gaen")
#: What is measured where nothing is asked for.
DEFAULT: tuple[tuple[str, Mode], ...] = (
    ("bluezone", "full"),
    ("gaen", "full"),
    ("bluezone", "lazy"),
    ("bluezone", "whole"),
    ("gaen", "whole"),
)
SCENARIO = "yen-bai-2020"
ADOPTION = 0.6
CASES_PER_PERSON = 0.003
#: People of the run that warms up: compiled kernels are loaded by then.
_FEW = 5_000
#: Parts of a run, and the stages that they are made of.
PARTS = {
    "population": ("population",),
    "contacts": ("contacts",),
    "radio": ("radio",),
    "identifiers": ("identifiers",),
    "matching": ("matching",),
    "metrics": ("warnings", "metrics", "sensitivity"),
}


@dataclass(frozen=True)
class EngineFigure:
    """What a whole run took.

    Attributes:
        protocol: the system on the phones.
        mode: one of :data:`MODES`.
        people, days, threads: size of the run.
        users: people with the app.
        seconds: of a run, median over rounds.
        person_days_per_s: of that.
        parts_s: seconds by part, of the round with the median.
        peak_memory_mib: of the process.
        recall: what the run found, so that a change shows.
    """

    protocol: str
    mode: str
    people: int
    days: int
    threads: int
    users: int
    seconds: float
    person_days_per_s: float
    parts_s: dict[str, float]
    peak_memory_mib: float
    recall: float | None


def engine_scenario(people: int, protocol: str, mode: Mode) -> Scenario:
    """The scenario of a figure."""
    base = load(SCENARIO)
    share = people / base.population.people
    districts = [
        District(**{**d.model_dump(), "people": max(1, round(d.people * share))})
        for d in base.population.districts
    ]
    rest = people - sum(d.people for d in districts[1:])
    districts[0] = districts[0].model_copy(update={"people": rest})
    how = {
        "identifiers": "lazy" if mode == "lazy" else "full",
        "histories": "whole" if mode == "whole" else "asked",
    }
    return base.model_copy(
        update={
            "name": f"{SCENARIO}-{people}",
            "population": base.population.model_copy(
                update={
                    "people": people,
                    "smartphones": round(base.population.smartphones * share),
                    "districts": districts,
                }
            ),
            "adoption": base.adoption.model_copy(update={"levels": [ADOPTION]}),
            "protocol": ProtocolTable.model_validate({"name": protocol, **how}),
            "index_cases": IndexCases(count=max(1, round(CASES_PER_PERSON * people)), f2_count=0),
            "sensitivity": None,
        }
    )


def measure_here(
    people: int, protocol: str, mode: Mode, rounds: int, threads: int | None
) -> EngineFigure:
    """Runs the scenario in this process: once with few people to warm up, then in rounds."""
    from ..simulation.engine import run
    from ..simulation.memory import peak_memory_mib

    run(engine_scenario(min(people, _FEW), protocol, mode), threads=threads)
    scenario = engine_scenario(people, protocol, mode)
    results = sorted(
        (run(scenario, threads=threads) for _ in range(rounds)), key=lambda r: r.seconds
    )
    median = results[(rounds - 1) // 2]
    seconds = statistics.median(r.seconds for r in results)
    days = scenario.look_back_days
    return EngineFigure(
        protocol=protocol,
        mode=mode,
        people=people,
        days=days,
        threads=median.threads,
        users=scenario.level_users()[0],
        seconds=seconds,
        person_days_per_s=people * days / seconds,
        parts_s={
            part: sum(median.stages_s.get(s, 0.0) for s in stages) for part, stages in PARTS.items()
        },
        peak_memory_mib=peak_memory_mib(),
        recall=median.metrics[0].recall,
    )


def measure_apart(
    people: int, protocol: str, mode: Mode, rounds: int = 3, threads: int | None = None
) -> EngineFigure:
    """:func:`measure_here` in a process of its own, so that its peak memory is its own.

    Raises:
        BluezoneSimError: the process failed; its last line is told.
    """
    asked = json.dumps([people, protocol, mode, rounds, threads])
    call = [sys.executable, "-m", "bluezone_sim.benchmarks.whole_runs", asked]
    return EngineFigure(**document_of(call, f"the run of {people:,} people"))


@dataclass(frozen=True)
class PeerFigure:
    """What Covasim took for as many people and days; see :mod:`bluezone_sim.benchmarks.peer`.

    Attributes:
        name: and version.
        people, days: size of the run.
        population_s, days_s: to make the people, and to run the days.
        person_days_per_s: of both.
        peak_memory_mib: of the process.
    """

    name: str
    people: int
    days: int
    population_s: float
    days_s: float
    person_days_per_s: float
    peak_memory_mib: float


def measure_peer(people: int, days: int, python: str | None = None) -> PeerFigure:
    """Runs Covasim in a process of its own.

    Args:
        people, days: size of the run.
        python: interpreter that has Covasim, by default this one.

    Raises:
        InputError: there is no Covasim.
        BluezoneSimError: the process failed; its last line is told.
    """
    script = Path(__file__).with_name("peer.py")
    call = [python or sys.executable, str(script), str(people), str(days)]
    found = document_of(call, "Covasim")
    seconds = found["population_s"] + found["days_s"]
    return PeerFigure(**found, person_days_per_s=people * days / seconds)


def document_of(call: list[str], what: str) -> dict[str, Any]:
    """The JSON document that a process prints last."""
    try:
        done = subprocess.run(call, capture_output=True, text=True, check=False)
    except OSError as error:
        raise InputError(f"{call[0]}: cannot be run ({error.strerror or error})") from None
    if "No module named 'covasim'" in done.stderr:
        raise InputError(
            f"{call[0]} has no Covasim: pip install 'bluezone-sim[peers]', or name another Python with "
            "--peer-python"
        )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise BluezoneSimError(f"{what} stopped with code {done.returncode}: {last}")
    document: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return document


#: Sizes of the curve.
CURVE = (10_000, 30_000, 100_000, 300_000, 1_000_000, 2_000_000, 5_000_000)


def too_many(people: int) -> str | None:
    """Why so many people cannot be measured here; None where they can."""
    from ..simulation.memory import available_mib, estimate_mib

    needed, free = estimate_mib(engine_scenario(people, "bluezone", "full")), available_mib()
    if free is None or free > needed:
        return None
    return f"may need {needed:,.0f} MiB of memory, {free:,.0f} are free"


def engine_table(figures: list[EngineFigure], peer: PeerFigure | None = None) -> Table:
    """A row a figure: rate, memory, and seconds by part."""
    rows = [
        [
            f"{f.protocol}, {f.mode}",
            f"{f.people:,}",
            f"{f.person_days_per_s / 1e6:.2f}",
            f"{f.seconds:.2f}",
            f"{f.peak_memory_mib:,.0f}",
            *(f"{s:.2f}" for s in f.parts_s.values()),
        ]
        for f in figures
    ]
    if peer is not None:
        rows.append(
            [
                peer.name,
                f"{peer.people:,}",
                f"{peer.person_days_per_s / 1e6:.2f}",
                f"{peer.population_s + peer.days_s:.2f}",
                f"{peer.peak_memory_mib:,.0f}",
                f"{peer.population_s:.2f}",
                *[""] * (len(PARTS) - 1),
            ]
        )
    heads = ["", "people", "M person-days/s", "seconds", "peak MiB", *PARTS]
    return Table.of_text("", heads, rows, 1)


if __name__ == "__main__":
    print(json.dumps(asdict(measure_here(*json.loads(sys.argv[1])))))
