"""One job, done: a simulation in, the bytes of its result tables out."""

from __future__ import annotations

import platform
import traceback
from dataclasses import dataclass
from typing import Any

from .._version import NUMERIC_VERSION, SCHEMA_VERSION
from ..analysis.campaign import CampaignResult, last_day
from ..analysis.epidemic.summary import EpidemicResult
from ..analysis.epidemic.sums import SUMS, arm_sums
from ..analysis.epidemic.transmission import PUBLISHED
from ..errors import BluezoneSimError, InputError
from ..tables.metrics import DAY_NUMBERS, number_of
from .plan import Job


@dataclass(frozen=True)
class Done:
    """A job's results.

    Attributes:
        job: its id.
        results: Parquet file, a row a task: the same bytes wherever and however it ran.
        histograms: Parquet file of the distributions at the job's highest level; the same.
        campaign: Parquet file of the campaign's days; the same. None without one.
        epidemic: Parquet file of the epidemic's arms; the same. None without one.
        timing: seconds, memory, threads and machine; these differ from time to time.
    """

    job: str
    results: bytes
    histograms: bytes
    campaign: bytes | None
    epidemic: bytes | None
    timing: dict[str, Any]


@dataclass(frozen=True)
class Failed:
    """A job that raised: the message, the exit code it asks for, and the trace of an internal fault."""

    job: str
    message: str
    exit_code: int
    trace: str = ""


def work(job: Job, threads: int) -> Done:
    """Runs a job.

    Raises:
        InputError: this package's numbers are not the planner's, or the scenario cannot be built.
    """
    import pyarrow as pa

    from ..analysis.arrow import histograms_to_arrow
    from ..simulation.engine import run

    if (job.schema_version, job.numeric_version) != (SCHEMA_VERSION, NUMERIC_VERSION):
        raise InputError(
            f"a worker on {platform.node()} has numeric version {NUMERIC_VERSION} and schema version "
            f"{SCHEMA_VERSION}, the sweep has {job.numeric_version} and {job.schema_version}; install "
            "one version of bluezone-sim everywhere"
        )
    result = run(job.scenario, job.seed, threads=threads)
    histograms = histograms_to_arrow(result.histograms)
    task = pa.array([job.tasks[-1]] * len(histograms), pa.string())
    return Done(
        job=job.id,
        results=parquet(rows(job, result)),
        histograms=parquet(histograms.add_column(0, "task", task)),
        campaign=None if result.campaign is None else parquet(days(job, result.campaign)),
        epidemic=None if result.epidemic is None else parquet(epidemic_arms(job, result.epidemic)),
        timing={
            "job": job.id,
            "tasks": len(job.tasks),
            "seconds": result.seconds,
            "peak_memory_mib": result.peak_memory_mib,
            "threads": threads,
            "host": platform.node(),
        },
    )


def attempt(job: Job, threads: int) -> Done | Failed:
    """:func:`work`, with what it raises as a value, so that it passes between processes."""
    try:
        return work(job, threads)
    except BluezoneSimError as error:
        return Failed(job.id, str(error), error.exit_code)
    except MemoryError:
        return Failed(job.id, "out of memory; give fewer workers, or a smaller scenario", 3)
    except Exception as error:
        return Failed(job.id, f"{type(error).__name__}: {error}", 3, traceback.format_exc())


def rows(job: Job, result: Any) -> Any:
    """A row a task: its id, the axes, the seed, then the metrics of its level."""
    import pyarrow as pa

    from ..analysis.arrow import VERSIONS

    metrics = result.metrics.to_arrow().drop_columns(["level_index"])
    n = len(job.tasks)
    columns: dict[str, Any] = {"task": pa.array(job.tasks, pa.string())}
    for key, value in job.values.items():
        columns[key] = pa.array([value] * n)
    columns["seed"] = pa.array([job.seed] * n, pa.int64())
    columns["rule"] = pa.array([job.scenario.rule.name] * n, pa.string())
    for name, value in (("index_cases", result.n_f0), ("risky_pairs", result.n_risky_pairs)):
        columns[name] = pa.array([value] * n, pa.int64())
    for name in metrics.column_names:
        columns[name] = metrics[name]
    if result.campaign is not None:
        for name, value in last_day(result.campaign).items():
            columns[f"campaign_{name}"] = pa.array([value] * n, _kind(name))
    if result.epidemic is not None:
        rate = result.epidemic.arms[0].attack_rate
        columns["epidemic_baseline_attack_rate"] = pa.array([rate] * n, pa.float64())
    return pa.table(columns, metadata=VERSIONS)


def days(job: Job, campaign: CampaignResult) -> Any:
    """A row a day and arm of the campaign: its id, the axes, the seed, then what is found."""
    import pyarrow as pa

    from ..analysis.arrow import VERSIONS

    found = campaign.days
    columns: dict[str, Any] = {"task": pa.array([job.campaign] * len(found), pa.string())}
    for key, value in job.values.items():
        columns[key] = pa.array([value] * len(found))
    columns["seed"] = pa.array([job.seed] * len(found), pa.int64())
    columns["rule"] = pa.array([job.scenario.rule.name] * len(found), pa.string())
    columns["measures"] = pa.array([row.arm for row in found], pa.string())
    columns["day"] = pa.array([row.date for row in found], pa.date32())
    for name in DAY_NUMBERS:
        columns[name] = pa.array([number_of(row, name) for row in found], _kind(name))
    return pa.table(columns, metadata=VERSIONS)


def epidemic_arms(job: Job, found: EpidemicResult) -> Any:
    """A row an arm: its id, the axes, the seed, the arm, then sums over its days and how transmission was
    fitted."""
    import pyarrow as pa

    from ..analysis.arrow import VERSIONS

    (epidemic,) = found.seeds
    assert job.scenario.epidemic is not None
    arms = job.scenario.epidemic.arms
    n = len(arms)
    columns: dict[str, Any] = {"task": pa.array([job.epidemic] * n, pa.string())}
    for key, value in job.values.items():
        columns[key] = pa.array([value] * n)
    columns["seed"] = pa.array([job.seed] * n, pa.int64())
    columns["rule"] = pa.array([job.scenario.rule.name] * n, pa.string())
    columns["arm_index"] = pa.array(range(n), pa.int64())
    columns["arm"] = pa.array([arm.name for arm in arms], pa.string())
    columns["level"] = pa.array([arm.level for arm in arms], pa.float64())
    columns["finds"] = pa.array([arm.finds for arm in arms], pa.string())
    columns["as_many"] = pa.array([arm.as_many for arm in arms], pa.string())
    columns["people"] = pa.array([epidemic.people] * n, pa.int64())
    columns["days"] = pa.array([found.arms[0].day] * n, pa.int64())
    sums = [arm_sums(arm) for arm in epidemic.arms]
    for name in SUMS:
        kind = pa.float64() if name == "expected_infected" else pa.int64()
        columns[name] = pa.array([float(row[name]) for row in sums], pa.float64()).cast(kind)
    for name in PUBLISHED:
        columns[name] = pa.array([getattr(epidemic.fitted, name)] * n, pa.float64())
    return pa.table(columns, metadata=VERSIONS)


def _kind(name: str) -> Any:
    import pyarrow as pa

    return {"users": pa.int64(), "day": pa.date32()}.get(name, pa.float64())


def parquet(table: Any) -> bytes:
    """A table as the bytes of a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = pa.BufferOutputStream()
    pq.write_table(table, out, compression="zstd")
    data: bytes = out.getvalue().to_pybytes()
    return data
