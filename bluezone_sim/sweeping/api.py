"""``bz.sweep``: plan, run what is missing, keep it, summarise."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BluezoneSimError, InputError
from ..scenario.model import Scenario
from .campaigns import (
    MEANS,
    CampaignArm,
    CampaignDifference,
    campaign_differences,
    campaigns_of,
    is_of_campaign,
)
from .plan import Plan, plan
from .store import Store
from .summary import Arm, Difference, arms_of, differences, label_of
from .work import Done, Failed

if TYPE_CHECKING:
    from ..results.result import Histogram


@dataclass(frozen=True)
class Progress:
    """How far a sweep is: simulations done and in all, seconds so far, and seconds left if known."""

    done: int
    total: int
    seconds: float
    seconds_left: float | None


class SweepFailedError(BluezoneSimError):
    """Some simulations failed; the others are kept, and running again tries only those that failed."""

    def __init__(self, message: str, exit_code: int):
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, eq=False)
class Sweep:
    """What a sweep gave.

    Attributes:
        scenario: what the grid changed.
        axes: dotted key to its values, in order.
        table: ``pyarrow.Table``, a row a task: id, axes, seed, metrics.
        campaign: ``pyarrow.Table``, a row a point, seed, arm of the campaign and day; None without one.
        histograms: distributions by arm, summed over its seeds, at the highest level.
        path: its directory, None where nothing was kept.
        about: how it was made: versions, simulations, core-seconds, memory.
    """

    scenario: Scenario
    axes: Mapping[str, tuple[Any, ...]]
    table: Any
    campaign: Any
    histograms: Mapping[str, tuple[Histogram, ...]]
    path: Path | None
    about: Mapping[str, Any]

    @cached_property
    def arms(self) -> tuple[Arm, ...]:
        """Points of the grid with their means over seeds."""
        return arms_of(self.table, self.axes)

    @cached_property
    def stationary(self) -> tuple[Arm, ...]:
        """The arms that differ at adoption levels: those that differ in their campaign alone are one."""
        axes = {k: v for k, v in self.axes.items() if not is_of_campaign(k)}
        return self.arms if len(axes) == len(self.axes) else arms_of(self.table, axes)

    @cached_property
    def differences(self) -> list[Difference]:
        """Every one of :attr:`stationary` less the first, at every level, paired by seed."""
        return differences(self.stationary)

    @cached_property
    def campaigns(self) -> tuple[CampaignArm, ...]:
        """Points of the grid with their campaigns, day by day over seeds; empty without a campaign."""
        return campaigns_of(self.campaign, self.axes)

    @cached_property
    def campaign_differences(self) -> list[CampaignDifference]:
        """Every arm's campaign less the first's, by day, paired by seed."""
        first = self.campaigns[:1]
        return [d for a in self.campaigns[1:] for d in campaign_differences(first[0], a)]

    @property
    def width(self) -> float:
        """Width of the interval of recall for which seeds are counted."""
        return self.scenario.sweep.width if self.scenario.sweep else 0.02

    def headline(self) -> str:
        """What was run, in one line."""
        n_seeds = len({s for arm in self.arms for s in arm.seeds})
        return (
            f"{self.scenario.name}: {len(self.table):,} tasks, {len(self.arms)} "
            f"arm{'s' if len(self.arms) != 1 else ''}, {n_seeds} "
            f"seed{'s' if n_seeds != 1 else ''}, "
            f"{self.scenario.population.people:,} people"
        )

    def __repr__(self) -> str:
        from ..results.panels import sweep_tables
        from ..results.text import SWEEP_WIDTH, plain

        parts = [self.headline(), *(plain(t, SWEEP_WIDTH) for t in sweep_tables(self))]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        from ..results.notebook import sweep_html

        return sweep_html(self)

    def to_arrow(self) -> Any:
        """A ``pyarrow.Table``, a row a task."""
        return self.table

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame`` of :meth:`to_arrow`; needs pandas."""
        return self.table.to_pandas()

    def to_polars(self) -> Any:
        """A ``polars.DataFrame`` of :meth:`to_arrow`; needs polars."""
        import polars

        return polars.from_arrow(self.table)

    def report(self, path: str | Path) -> Path:
        """Writes the report, one HTML file.

        Raises:
            InputError: it cannot be written.
        """
        from ..results.report import render_sweep

        path = Path(path)
        try:
            path.write_text(render_sweep(self), encoding="utf-8")
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None
        return path

    def to_dict(self) -> dict[str, Any]:
        """The document that ``bluezone-sim sweep --json`` prints: plain JSON types, None for null."""
        from dataclasses import asdict

        return {
            **self.about,
            "scenario": self.scenario.name,
            "axes": {key: list(values) for key, values in self.axes.items()},
            "tasks": len(self.table),
            "width": self.width,
            "arms": [
                {
                    "label": arm.label,
                    "values": dict(arm.values),
                    "seeds": list(arm.seeds),
                    "levels": [asdict(level) for level in arm.metrics],
                    "seeds_for_width": arm.seeds_for(self.width),
                }
                for arm in self.arms
            ],
            "differences": [asdict(d) for d in self.differences],
            "campaign": self._campaign(),
        }

    def _campaign(self) -> dict[str, Any] | None:
        """Means by arm of the grid, arm of the campaign and day; and differences."""
        from dataclasses import asdict

        if not self.campaigns:
            return None
        return {
            "arms": [
                {
                    "label": arm.label,
                    "values": dict(arm.values),
                    "seeds": list(arm.seeds),
                    "days": [
                        {
                            "measures": measures,
                            "date": date.isoformat(),
                            **{n: asdict(arm.mean(n, date, measures)) for n in MEANS},
                        }
                        for measures in arm.measures
                        for date in arm.dates
                    ],
                }
                for arm in self.campaigns
            ],
            "differences": [
                {**asdict(d), "date": d.date.isoformat()} for d in self.campaign_differences
            ],
        }


def sweep(
    scenario: Scenario,
    grid: Mapping[str, Sequence[Any]] | None = None,
    seeds: int | None = None,
    *,
    workers: int | None = None,
    out: str | Path | None = None,
    dask: str | None = None,
    progress: Callable[[Progress], None] | None = None,
    warn: Callable[[str], None] | None = None,
) -> Sweep:
    """Runs every combination of a grid with every seed, and what of it is not there yet only.

    Args:
        scenario: from :func:`bluezone_sim.load`; its ``[sweep]`` gives what is not given here.
        grid: dotted keys (or ``protocol``, ``adoption``) to their values.
        seeds: how many, upwards from the scenario's.
        workers: processes; by default one a core, as far as memory allows. Results do not change.
        out: directory that keeps the results, so that they can be gone on with; by default none.
        dask: ``"local"`` or a scheduler's address, to run on a Dask cluster.
        progress: called after each simulation.
        warn: told of damaged files, which are redone; by default a :class:`UserWarning`.

    Raises:
        InputError: the grid or the scenario is at fault, or ``out`` is in use or something else.
        SweepFailedError: some simulations failed; the others are kept.
    """
    given = scenario.sweep
    chosen: dict[str, Sequence[Any]] = dict(given.grid) if given else {}
    for key, values in (grid or {}).items():
        chosen.pop({"protocol.name": "protocol", "adoption.levels": "adoption"}.get(key, key), None)
        chosen[key] = values
    n_seeds = seeds if seeds is not None else given.seeds if given else 10
    planned = plan(scenario, chosen, n_seeds)
    if workers is not None and workers < 1:
        raise InputError(f"workers: expected at least 1, found {workers}")
    if out is not None:
        return _into(Path(out), planned, workers, dask, progress, warn or _warning)
    with tempfile.TemporaryDirectory(prefix="bluezone-sim-") as folder:
        found = _into(Path(folder), planned, workers, dask, progress, warn or _warning)
    return replace(found, path=None)


def _warning(message: str) -> None:
    import warnings

    warnings.warn(message, stacklevel=3)


def _into(
    path: Path,
    planned: Plan,
    workers: int | None,
    dask: str | None,
    progress: Callable[[Progress], None] | None,
    warn: Callable[[str], None],
) -> Sweep:
    from ..kernels.threads import available_threads
    from ..memory import check_limit

    for point in planned.points:
        check_limit(point.scenario)
    store = Store(path)
    cores = available_threads()
    with store.writing(planned, warn) as done:
        jobs = planned.jobs(done)
        n_workers = min(workers or _workers(planned, cores), max(1, len(jobs)))
        threads = max(1, cores // n_workers)
        total = len(planned.seeds) * len(planned.points)
        began = time.perf_counter()
        failed: list[Failed] = []
        n_done = total - len(jobs)

        def arrived(result: Done | Failed) -> None:
            nonlocal n_done
            if isinstance(result, Failed):
                failed.append(result)
            else:
                store.add(result)
            n_done += 1
            if progress:
                tell()

        def tell() -> None:
            assert progress is not None
            seconds, ran = time.perf_counter() - began, n_done - (total - len(jobs))
            left = seconds / ran * (total - n_done) if ran else None
            progress(Progress(n_done, total, seconds, left))

        if progress:
            tell()
        if jobs and dask is not None:
            from .cluster import run_on

            run_on(dask, jobs, n_workers, threads, arrived)
        elif jobs:
            from .local import run_here

            run_here(jobs, n_workers, threads, arrived)
        if failed:
            raise _failure(failed, planned, jobs, path)
        return _read(store, planned)


def _failure(failed: Sequence[Failed], planned: Plan, jobs: Any, path: Path) -> SweepFailedError:
    at = {job.id: f"{label_of(job.values)}, seed {job.seed}" for job in jobs}
    first = failed[0]
    text = (
        f"{len(failed)} of {len(jobs)} simulations failed; the others are kept in {path}, and the same "
        f"command tries those again. The first, {at[first.job]}: {first.message}"
    )
    return SweepFailedError(f"{text}\n{first.trace}".rstrip(), first.exit_code)


def _workers(planned: Plan, cores: int) -> int:
    """One a core, as far as their memory fits into what is available."""
    from ..memory import available_mib, estimate_mib

    needed = max(estimate_mib(point.scenario) for point in planned.points)
    free = available_mib()
    return cores if free is None else max(1, min(cores, int(0.9 * free / needed)))


def _read(store: Store, planned: Plan) -> Sweep:
    """The planned tasks out of what the directory holds."""
    import pyarrow as pa

    order = {task: i for i, task in enumerate(planned.task_ids())}
    table = store.results()
    rows = [order.get(task, -1) for task in table["task"].to_pylist()]
    keep = sorted((at, row) for row, at in enumerate(rows) if at >= 0)
    axes = dict(planned.axes)
    return _sweep(store, planned.scenario, axes, table.take(pa.array([r for _, r in keep])))


def open_sweep(path: str | Path) -> Sweep:
    """Reads the directory of a sweep, finished or not.

    Raises:
        InputError: it holds none, nothing is done yet, or another version wrote it.
        FormatError: a file is damaged.
    """
    store = Store(Path(path))
    about = store.about()
    table = store.results()
    axes = {key: tuple(values) for key, values in about["axes"].items()}
    rank = {key: {repr(v): i for i, v in enumerate(values)} for key, values in axes.items()}
    rows = table.to_pylist()
    order = sorted(
        range(len(rows)),
        key=lambda i: (
            *(rank[key][repr(rows[i][key])] for key in axes),
            rows[i]["users"],
            rows[i]["seed"],
        ),
    )
    return _sweep(store, store.scenario(), axes, table.take(order))


def _sweep(
    store: Store, scenario: Scenario, axes: Mapping[str, tuple[Any, ...]], table: Any
) -> Sweep:
    from .distributions import about_of, campaign_days, histograms_of

    return Sweep(
        scenario=scenario,
        axes=axes,
        table=table,
        campaign=campaign_days(store, table, axes),
        histograms=histograms_of(store, table, axes),
        path=store.path,
        about=about_of(store),
    )
