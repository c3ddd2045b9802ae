"""Jobs on many machines: dask.distributed hands them out and retries those whose worker dies.

The client writes every result, so workers need no shared file system.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..errors import InputError
from ..scenario.inputs.traces.lent import lending
from ..scenario.schema.trace import TraceTable
from ..tables.trace import Trace
from .local import ATTEMPTS
from .plan import Job
from .work import Done, Failed, attempt

#: Jobs of one worker process run one after the other, whatever number of threads Dask gives it: a job
#: uses threads of its own, and its memory is what a worker is sized for.
_ONE = threading.Lock()
#: Seconds in which a scheduler has to answer.
CONNECT_S = 20.0


def run_on(
    where: str,
    jobs: Sequence[Job],
    workers: int,
    threads: int,
    arrived: Callable[[Done | Failed], None],
) -> None:
    """Runs jobs on a Dask cluster and hands each result over, in the calling thread, as it comes.

    Args:
        where: ``"local"``, or a scheduler's address such as ``tcp://host:8786``.
        jobs: in the order in which they start.
        workers: processes of a local cluster.
        threads: threads of a job there; elsewhere a job takes what its worker has.
        arrived: called with each job's result; what it raises ends the run.

    Raises:
        InputError: distributed is missing, or there is no scheduler.
    """
    try:
        from distributed import KilledWorker, as_completed
    except ImportError:
        raise InputError(
            "--dask needs dask.distributed: pip install 'bluezone-sim[dask]'"
        ) from None
    here = where == "local"
    with _client(where, min(workers, len(jobs))) as client:
        carried = _carried(client, jobs)
        futures = {
            client.submit(
                _job,
                job,
                threads if here else None,
                carried.get(_trace_of(job)),
                key=f"bluezone-sim-{job.id}",
                priority=-i,
                retries=ATTEMPTS - 1,
                pure=False,
            ): job
            for i, job in enumerate(jobs)
        }
        for future in as_completed(futures):
            job = futures.pop(future)
            error = future.exception()
            if error is None:
                arrived(future.result())
            elif isinstance(error, KilledWorker):
                arrived(Failed(job.id, f"its worker died {ATTEMPTS} times: {error}", 3))
            else:
                arrived(Failed(job.id, f"{type(error).__name__}: {error}", 3))
            del future


def _trace_of(job: Job) -> tuple[TraceTable | None, str]:
    """The file of a job's contacts, and the zone by whose days it is cut."""
    scenario = job.scenario
    return (scenario.contacts.trace if scenario.trace is not None else None), scenario.timezone


def _carried(client: Any, jobs: Sequence[Job]) -> dict[tuple[TraceTable | None, str], Any]:
    """The traces of jobs, each once, as tasks that a worker can ask for and the scheduler can repeat."""
    out: dict[tuple[TraceTable | None, str], Any] = {}
    for job in jobs:
        if (key := _trace_of(job)) not in out and key[0] is not None:
            out[key] = client.submit(_same, job.scenario.trace, pure=False)
    return out


def _same(trace: Trace) -> Trace:
    return trace


def _job(job: Job, threads: int | None, trace: Trace | None) -> Done | Failed:
    """On a worker, which need not have the file that ``trace`` is of."""
    with _ONE, lending(job.scenario.contacts.trace, job.scenario.timezone, trace):
        return attempt(job, threads or _threads_of_worker())


def _threads_of_worker() -> int:
    from distributed import get_worker

    return int(os.environ.get("BLUEZONE_SIM_THREADS") or get_worker().state.nthreads)


@contextmanager
def _client(where: str, workers: int) -> Iterator[Any]:
    from distributed import Client, LocalCluster

    if where == "local":
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            memory_limit=None,
            silence_logs=logging.ERROR,
        )
        with cluster, Client(cluster) as client:
            yield client
        return
    try:
        client = Client(where, timeout=CONNECT_S)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"--dask {where}: no scheduler answers there ({error})") from None
    with client:
        yield client
