"""``bz.sweep``: plan, run what is missing, keep it, summarise."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..analysis.arms import label_of
from ..analysis.sweep import SweepResult
from ..errors import BluezoneSimError, InputError
from ..reading.bounded import reading_as
from ..scenario.model import Scenario
from .appending import Appending
from .plan import SweepPlan, plan
from .store import Store
from .work import Done, Failed


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
) -> SweepResult:
    """What :func:`bluezone_sim.sweep` gives, without its report."""
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
    planned: SweepPlan,
    workers: int | None,
    dask: str | None,
    progress: Callable[[Progress], None] | None,
    warn: Callable[[str], None],
) -> SweepResult:
    from ..kernels.threads import available_threads
    from ..simulation.memory import check_limit

    for point in planned.points:
        check_limit(point.scenario)
    store = Appending(path)
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


def _failure(
    failed: Sequence[Failed], planned: SweepPlan, jobs: Any, path: Path
) -> SweepFailedError:
    at = {
        job.id: f"{label_of(job.values, job.scenario.rule.name)}, seed {job.seed}" for job in jobs
    }
    first = failed[0]
    text = (
        f"{len(failed)} of {len(jobs)} simulations failed; the others are kept in {path}, and the same "
        f"command tries those again. The first, {at[first.job]}: {first.message}"
    )
    return SweepFailedError(f"{text}\n{first.trace}".rstrip(), first.exit_code)


def _workers(planned: SweepPlan, cores: int) -> int:
    """One a core, as far as their memory fits into what is available."""
    from ..simulation.memory import available_mib, estimate_mib

    needed = max(estimate_mib(point.scenario) for point in planned.points)
    free = available_mib()
    return cores if free is None else max(1, min(cores, int(0.9 * free / needed)))


def _read(store: Store, planned: SweepPlan) -> SweepResult:
    """The planned tasks out of what the directory holds."""
    import pyarrow as pa

    order = {task: i for i, task in enumerate(planned.task_ids())}
    table = store.results()
    rows = [order.get(task, -1) for task in table["task"].to_pylist()]
    keep = sorted((at, row) for row, at in enumerate(rows) if at >= 0)
    axes = dict(planned.axes)
    return _sweep(store, planned.scenario, axes, table.take(pa.array([r for _, r in keep])))


def open_sweep(
    path: str | Path, passing_over: Callable[[str], bool] = lambda name: False
) -> SweepResult:
    """Reads the directory of a sweep, finished or not.

    Args:
        path: of the directory.
        passing_over: files whose damage does not matter, being about to be written anew.

    Raises:
        InputError: it holds none, nothing is done yet, or another version wrote it.
        FormatError: a file is damaged or missing.
    """
    store = Store(Path(path))
    store.check(passing_over)
    about, scenario = store.about(), store.scenario()
    with reading_as("tables of one sweep", store.path):
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
        return _sweep(store, scenario, axes, table.take(order))


def _sweep(
    store: Store, scenario: Scenario, axes: Mapping[str, tuple[Any, ...]], table: Any
) -> SweepResult:
    from .collect import about_of, beside, histograms_of

    return SweepResult(
        scenario=scenario,
        axes=axes,
        table=table,
        campaign=beside(store.campaign(), table, axes),
        epidemic=beside(store.epidemic(), table, axes),
        histograms=histograms_of(store, table, axes),
        path=store.path,
        about=about_of(store),
    )
