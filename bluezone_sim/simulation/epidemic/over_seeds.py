"""The epidemics of a run: one town after another, all arms in each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ...analysis.epidemic.result import Epidemic
from ...analysis.epidemic.summary import EpidemicResult, summarise
from ...errors import InputError
from ...scenario.model import Scenario
from ...scenario.schema.epidemic import Arm
from ...world import World
from .arms import arms_of, level_of
from .engine import run_epidemic


def run_epidemics(
    scenario: Scenario,
    seed: int,
    threads: int,
    progress: Callable[[float, str], None],
    world: World | None = None,
) -> EpidemicResult:
    """An epidemic in each of the scenario's ``epidemic.seeds`` towns.

    Args:
        scenario: with an epidemic.
        seed: of the first town; the others follow upwards.
        threads: to use; no number depends on it.
        progress: called with the share done and what is being done, day by day.
        world: of the scenario and the seed, where it is there already.

    Raises:
        InputError: seeds exceed 2**63, there is no transmission that gives its R0, or no contacts on
            its days.
        ScenarioError: what an arm sets is at fault.
    """
    table = scenario.epidemic
    assert table is not None
    check_seeds(seed, table.seeds)
    seeds = range(seed, seed + table.seeds)
    found: list[Epidemic] = []

    def tell(of: int, done: float) -> None:
        day = round(done * table.days)
        progress((len(found) + done) / len(seeds), f"epidemic, seed {of}, day {day}")

    for each in seeds:
        tell(each, 0.0)
        town = world if each == seed else None
        found.append(run_epidemic(scenario, each, threads, partial(tell, each), town))
    return summarise(rounded_arms(scenario), found)


def check_seeds(seed: int, n: int) -> None:
    """Raises InputError where so many seeds upwards are not all seeds."""
    if seed < 0 or seed + n > 2**63:
        raise InputError(f"epidemic.seeds: {n} from {seed} upwards exceed 2**63")


def rounded_arms(scenario: Scenario) -> list[Arm]:
    """The arms of a scenario with an epidemic, at levels that are a whole number of users."""
    return [arm.model_copy(update={"level": level_of(scenario, arm)}) for arm in arms_of(scenario)]
