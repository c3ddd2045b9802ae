"""What a sweep consists of: points of a grid, seeds, tasks and the jobs that share a simulation.

A *task* is one point at one adoption level with one seed; its id is the hash of everything that affects
its numbers. Levels share contacts and nest, so the tasks of one point and seed are one *job*: a single
simulation, with the scenario's campaign and epidemic if it has them.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._version import NUMERIC_VERSION, SCHEMA_VERSION
from ..errors import InputError, ScenarioError
from ..scenario.by_protocol import filled_tables
from ..scenario.checks.asked import no_axis
from ..scenario.dotted import SHORT, value_at
from ..scenario.inputs.traces.lent import digests
from ..scenario.loading import point_scenario
from ..scenario.model import Scenario
from ..scenario.schema.adoption import Users
from ..scenario.schema.epidemic import Epidemic
from ..simulation.epidemic.over_seeds import rounded_arms

ADOPTION = SHORT["adoption"]
#: More tasks than this are taken for a mistake.
_TOO_MANY = 1_000_000
#: Tables of a scenario that change no number of a task.
_SILENT = ("name", "title", "seed", "sensitivity", "sweep", "expect", "limits")


@dataclass(frozen=True)
class Point:
    """One point of the grid: the values of its axes, and the scenario they make."""

    values: Mapping[str, Any]
    scenario: Scenario


@dataclass(frozen=True)
class Job:
    """Tasks that one simulation answers.

    Attributes:
        id: hash of the tasks' ids.
        values: of the axes, by dotted key.
        scenario: its levels are those of the tasks, as numbers of users, ascending.
        seed: of the run.
        tasks: ids, one a level.
        campaign: id of the campaign's days, which are the same with other levels; None without one.
        epidemic: id of the epidemic's arms; None without one.
        schema_version, numeric_version: of the planner; a worker of another version refuses.
    """

    id: str
    values: Mapping[str, Any]
    scenario: Scenario
    seed: int
    tasks: tuple[str, ...]
    campaign: str | None = None
    epidemic: str | None = None
    schema_version: int = SCHEMA_VERSION
    numeric_version: int = NUMERIC_VERSION


@dataclass(frozen=True)
class SweepPlan:
    """A sweep before it runs.

    Attributes:
        scenario: what the grid changes.
        axes: dotted key to its values, without adoption, whose levels are in the points' scenarios.
        points: the product of the axes, the last axis fastest.
        seeds: ascending.
    """

    scenario: Scenario
    axes: Mapping[str, tuple[Any, ...]]
    points: tuple[Point, ...]
    seeds: tuple[int, ...]

    def jobs(self, done: Collection[str] = ()) -> list[Job]:
        """What is missing, seed by seed, so that a sweep that is cut short has whole seeds."""
        jobs = []
        for seed in self.seeds:
            for point in self.points:
                tasks = {
                    task_id(point.scenario, users, seed): users
                    for users in sorted(set(point.scenario.level_users()))
                }
                missing = {k: u for k, u in tasks.items() if k not in done}
                if missing:
                    jobs.append(_job(point, seed, missing))
        return jobs

    def task_ids(self) -> list[str]:
        """Every task, in the order of the points, levels and seeds."""
        return [
            task_id(point.scenario, users, seed)
            for point in self.points
            for users in sorted(set(point.scenario.level_users()))
            for seed in self.seeds
        ]


def _job(point: Point, seed: int, tasks: Mapping[str, int]) -> Job:
    levels = [Users(users=users) for users in tasks.values()]
    adoption = point.scenario.adoption.model_copy(update={"levels": levels, "draws": 0})
    # What has results of its own, which a sweep does not keep, need not run.
    scenario = point.scenario.model_copy(
        update={
            "adoption": adoption,
            "radio": point.scenario.radio.model_copy(update={"draws": 0}),
            "seed": seed,
            "sensitivity": None,
            "epidemic": _epidemic(point.scenario),
        }
    )
    return Job(
        id=hashlib.sha256(" ".join(tasks).encode()).hexdigest()[:16],
        values=point.values,
        scenario=scenario,
        seed=seed,
        tasks=tuple(tasks),
        campaign=None if scenario.campaign is None else task_id(scenario, None, seed),
        epidemic=None if scenario.epidemic is None else task_id(scenario, None, seed),
    )


def _epidemic(scenario: Scenario) -> Epidemic | None:
    """In one town, since the sweep counts seeds; with the arms of all levels, whichever are missing."""
    if scenario.epidemic is None:
        return None
    return scenario.epidemic.model_copy(update={"seeds": 1, "arms": rounded_arms(scenario)})


def task_id(scenario: Scenario, users: int | None, seed: int) -> str:
    """128 bits of SHA-256 over what affects the numbers: scenario, level, seed, versions.

    Without a level it is that of the campaign's days and the epidemic's arms.
    """
    what = _numbers_of(scenario)
    what["adoption"]["levels"] = [] if users is None else [{"users": users}]
    whole = {
        "scenario": what,
        "seed": seed,
        "schema_version": SCHEMA_VERSION,
        "numeric_version": NUMERIC_VERSION,
    }
    if users is None and scenario.epidemic and any(arm.set for arm in scenario.epidemic.arms):
        # What another protocol fills in an arm depends on what the scenario says itself.
        whole["left_to_protocol"] = filled_tables(scenario)
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _numbers_of(scenario: Scenario) -> dict[str, Any]:
    """What of a scenario affects its numbers; a file by what it holds, wherever it is."""
    what = scenario.model_dump(mode="json", exclude=set(_SILENT))
    for name in ("adoption", "radio"):
        what[name].pop("draws")
    for name in ("campaign", "epidemic"):
        if what[name] is None:
            del what[name]
    if "epidemic" in what:
        del what["epidemic"]["seeds"]
    for name in ("models_file", "models_sha256"):
        del what["phones"][name]
    trace = what["contacts"]["trace"]
    if trace is not None:
        table = scenario.contacts.trace
        assert table is not None
        trace["sha256"], trace["people_sha256"] = digests(table)
        del trace["file"], trace["people"]
    return what


def base_of(scenario: Scenario, axes: Collection[str]) -> dict[str, Any]:
    """What sweeps of one directory have in common: the scenario without its axes, by dotted key."""
    flat: dict[str, Any] = {}

    def walk(value: Any, path: str) -> None:
        if isinstance(value, dict) and value:
            for key, inner in value.items():
                walk(inner, f"{path}.{key}" if path else key)
        elif not any(path == a or path.startswith((f"{a}.", f"{a}[")) for a in axes):
            flat[path] = value

    walk(_numbers_of(scenario), "")
    flat.pop(ADOPTION, None)
    return flat


def plan(scenario: Scenario, grid: Mapping[str, Sequence[Any]], n_seeds: int) -> SweepPlan:
    """Plans a sweep.

    Args:
        scenario: what the grid changes; its seed is the first one.
        grid: dotted keys, or ``protocol`` and ``adoption``, to their values.
        n_seeds: how many seeds, upwards from the scenario's.

    Raises:
        InputError: a key is no axis, has no values or the same twice, or the product is too large.
        ScenarioError: a point is no scenario; the message names it.
    """
    if n_seeds < 1:
        raise InputError(f"seeds: expected at least 1, found {n_seeds}")
    if scenario.seed + n_seeds > 2**63:
        raise InputError(f"seeds: {n_seeds} from {scenario.seed} upwards exceed 2**63")
    full: dict[str, tuple[Any, ...]] = {}
    for key, values in grid.items():
        name = SHORT.get(key, key)
        if (why := no_axis(name)) is not None:
            raise InputError(f"grid {key}: {why}, so it cannot be an axis")
        for of, table in (("campaign", "a [campaign]"), ("epidemic", "an [epidemic]")):
            if name.startswith(f"{of}.") and getattr(scenario, of) is None and of not in grid:
                raise InputError(f"grid {key}: {scenario.name} has no {of}; give it {table}")
        if name in full:
            raise InputError(f"grid {key}: given twice")
        if isinstance(values, (str, bytes)) or not isinstance(values, Sequence) or not values:
            raise InputError(f"grid {key}: expected a list of one or more values, found {values!r}")
        full[name] = tuple(values)
    levels = full.pop(ADOPTION, None)
    changes = {} if levels is None else {ADOPTION: list(levels)}
    n_levels = len(scenario.adoption.levels) if levels is None else len(levels)
    n_tasks = n_levels * n_seeds
    for values in full.values():
        n_tasks *= len(values)
    if n_tasks > _TOO_MANY:
        raise InputError(f"grid: {n_tasks:,} tasks; expected at most {_TOO_MANY:,}")
    points = []
    for combination in itertools.product(*full.values()):
        chosen = dict(zip(full, combination, strict=True))
        points.append(_point(scenario, chosen, changes))
    axes = {key: tuple(dict.fromkeys(_frozen(p.values[key]) for p in points)) for key in full}
    for key, values in full.items():
        if len(axes[key]) < len(values):
            raise InputError(f"grid {key}: the same value twice")
    return SweepPlan(
        scenario=scenario,
        axes={k: tuple(_thawed(v) for v in axes[k]) for k in axes},
        points=tuple(points),
        seeds=tuple(range(scenario.seed, scenario.seed + n_seeds)),
    )


def _point(scenario: Scenario, chosen: dict[str, Any], changes: dict[str, Any]) -> Point:
    label = ", ".join(f"{k} = {v}" for k, v in chosen.items()) or "the grid"
    try:
        made = point_scenario(scenario, {**chosen, **changes})
    except ScenarioError as error:
        raise ScenarioError(f"{scenario.name} with {label}", error.faults) from None
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise InputError(f"{scenario.name} with {label}: {error}") from None
    return Point({key: value_at(made, key) for key in chosen}, made)


def _frozen(value: Any) -> Any:
    return (type(value).__name__, value)


def _thawed(value: Any) -> Any:
    return value[1]
