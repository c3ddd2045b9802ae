"""``bench epidemic``: a hundred days of an epidemic in six adoption levels and without the app, in step.

The town is that of ``bench engine``, with Bluezone and its default rule, and tracing by hand in every
arm. Each size is measured in a process of its own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from ..scenario import Scenario
from ..scenario.schema.epidemic import Arm, Epidemic
from ..tables.table import Table
from .whole_runs import PeerFigure, document_of, engine_scenario

LEVELS = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
DAYS = 100
#: Sizes of the curve.
CURVE = (10_000, 30_000, 100_000, 300_000, 1_000_000)
PARTS = ("contacts", "tracing", "course")
#: Infected as the first day begins, of a thousand people: by day 100 most of the epidemic is over.
_INFECTED = 1.4
#: People of the epidemic that warms up: compiled kernels are loaded by then.
_FEW, _FEW_DAYS = 3_000, 30


@dataclass(frozen=True)
class EpidemicFigure:
    """What an epidemic took.

    Attributes:
        people, days, arms, threads: size of it.
        population_s: to make the people.
        seconds: of all days, the fit of transmission among them.
        person_days_per_s: people times days times arms, by that.
        parts_s: seconds by part.
        peak_memory_mib: of the process.
        attack_rate: of the first arm and the last, so that a change shows.
    """

    people: int
    days: int
    arms: int
    threads: int
    population_s: float
    seconds: float
    person_days_per_s: float
    parts_s: dict[str, float]
    peak_memory_mib: float
    attack_rate: tuple[float, float]


def epidemic_scenario(people: int, days: int) -> Scenario:
    """The scenario of a figure."""
    arms = [Arm(name="no app"), *(Arm(name=f"{level:.0%}", level=level) for level in LEVELS)]
    infected = max(10, round(_INFECTED * people / 1000))
    table = Epidemic(days=days, infected=infected, arms=arms)
    return engine_scenario(people, "bluezone", "lazy").model_copy(update={"epidemic": table})


def measure_here(people: int, days: int, threads: int | None) -> EpidemicFigure:
    """Runs the epidemic in this process, once with few people to warm up."""
    from ..simulation.context import StageTimer
    from ..simulation.epidemic.arms import policies_of
    from ..simulation.epidemic.engine import Simulation
    from ..simulation.epidemic.town import Town
    from ..simulation.memory import peak_memory_mib

    def run(n: int, until: int) -> tuple[Simulation, StageTimer]:
        clock = StageTimer()
        town = Town.build(epidemic_scenario(n, until), threads=threads)
        clock.lap("population")
        simulation = Simulation(town, policies_of(town))
        for day in range(until):
            simulation.step(day)
        clock.lap("days")
        return simulation, clock

    run(_FEW, _FEW_DAYS)
    simulation, clock = run(people, days)
    tallies = simulation.result().arms
    seconds = clock.stages_s["days"]
    first, last = (float(t.days[:, 0].sum() / people) for t in (tallies[0], tallies[-1]))
    return EpidemicFigure(
        people=people,
        days=days,
        arms=len(tallies),
        threads=simulation.town.context.threads,
        population_s=clock.stages_s["population"],
        seconds=seconds,
        person_days_per_s=people * days * len(tallies) / seconds,
        parts_s={part: simulation.clock.stages_s[part] for part in PARTS},
        peak_memory_mib=peak_memory_mib(),
        attack_rate=(first, last),
    )


def measure_apart(people: int, days: int = DAYS, threads: int | None = None) -> EpidemicFigure:
    """:func:`measure_here` in a process of its own, so that its peak memory is its own.

    Raises:
        BluezoneSimError: the process failed; its last line is told.
    """
    asked = json.dumps([people, days, threads])
    call = [sys.executable, "-m", "bluezone_sim.benchmarks.epidemics", asked]
    found = document_of(call, f"the epidemic of {people:,} people")
    return EpidemicFigure(**{**found, "attack_rate": tuple(found["attack_rate"])})


def epidemics_table(figures: Sequence[EpidemicFigure], peer: PeerFigure | None = None) -> Table:
    """A row a size: rate, memory, and seconds by part."""
    rows = [
        [
            f"{f.arms} arms in step",
            f"{f.people:,}",
            f"{f.person_days_per_s / 1e6:.2f}",
            f"{f.population_s + f.seconds:.1f}",
            f"{f.peak_memory_mib:,.0f}",
            *(f"{f.parts_s[part]:.1f}" for part in PARTS),
        ]
        for f in figures
    ]
    if peer is not None:
        rows.append(
            [
                f"{peer.name}, one arm, no phones",
                f"{peer.people:,}",
                f"{peer.person_days_per_s / 1e6:.2f}",
                f"{peer.population_s + peer.days_s:.1f}",
                f"{peer.peak_memory_mib:,.0f}",
                *[""] * len(PARTS),
            ]
        )
    heads = ["", "people", "M person-days/s", "seconds", "peak MiB", *PARTS]
    return Table.of_text("", heads, rows, 1)


if __name__ == "__main__":
    print(json.dumps(asdict(measure_here(*json.loads(sys.argv[1])))))
