"""Jobs on many machines: dask.distributed hands them out and retries those whose worker dies.

The client writes every result, so workers need no shared file system.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from typing import IO, Any

from ..errors import InputError
from ..scenario.inputs.traces.lent import lending
from ..scenario.schema.trace import TraceTable
from ..tables.trace import Trace
from .local import ALONE, ATTEMPTS
from .plan import Job
from .work import Done, Failed, attempt

#: Jobs of one worker process run one after the other, whatever number of threads Dask gives it: a job
#: uses threads of its own, and its memory is what a worker is sized for.
_ONE = threading.Lock()
#: Seconds in which a scheduler has to answer, and in which the first worker of a local cluster has to.
CONNECT_S, START_S = 20.0, 60.0


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
        InputError: distributed is missing, there is no scheduler, or it went away; what was handed over
            by then stays.
    """
    try:
        from distributed import as_completed
        from distributed.comm import CommClosedError
    except ImportError:
        raise InputError(
            "--dask needs dask.distributed: pip install 'bluezone-sim[dask]'"
        ) from None
    here = where == "local"
    with _client(where, min(workers, len(jobs))) as client:
        carried = _carried(client, jobs)
        try:
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
                arrived(_outcome(future, futures.pop(future)))
                del future
        except (CancelledError, CommClosedError):  # what a client without its scheduler says
            raise _gone(where) from None


def _outcome(future: Any, job: Job) -> Done | Failed:
    """What became of a job.

    Raises:
        CancelledError, CommClosedError: nobody will know.
    """
    from distributed import KilledWorker
    from distributed.comm import CommClosedError

    try:
        result: Done | Failed = future.result()
    except (CancelledError, CommClosedError):
        raise
    except KilledWorker as error:
        return Failed(job.id, f"its worker died {ATTEMPTS} times: {error}", 3)
    except Exception as error:
        return Failed(job.id, f"{type(error).__name__}: {error}", 3)
    return result


def _gone(where: str) -> InputError:
    return InputError(
        f"--dask {where}: the scheduler went away in mid-sweep; what is done is kept, and once one is "
        "there again, the same command goes on from it"
    )


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
    if where == "local":
        with _local_cluster(workers) as address, _connected("local", address) as client:
            yield client
        return
    with _connected(where, where) as client:
        yield client


@contextmanager
def _connected(where: str, address: str) -> Iterator[Any]:
    """A client, whose own words on a scheduler that goes away are not shown: this program's are."""
    from distributed import Client

    log = logging.getLogger("distributed.client")
    level = log.level
    try:
        client = Client(address, timeout=CONNECT_S)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"--dask {where}: no scheduler answers there ({error})") from None
    log.setLevel(logging.CRITICAL)
    try:
        with client:
            yield client
    finally:
        log.setLevel(level)


@contextmanager
def _local_cluster(workers: int) -> Iterator[str]:
    """A scheduler in this process, and workers in others; gives its address.

    Dask's own local cluster has multiprocessing start its workers, which runs the user's script again in
    each: without ``if __name__ == "__main__"`` each would sweep in its turn. It also leaves them in the
    terminal's group of processes, and a Ctrl-C has each print its own trace.
    """
    from distributed import LocalCluster

    with (
        LocalCluster(
            n_workers=0,
            processes=True,
            dashboard_address=None,
            scheduler_kwargs={
                "dashboard_address": "127.0.0.1:0"
            },  # its own page stays away from 8787
            silence_logs=logging.ERROR,
        ) as cluster,
        tempfile.TemporaryFile() as said,
    ):
        process = _start_workers(cluster.scheduler_address, workers, said)
        try:
            _wait_for_worker(cluster, process, said)
            yield cluster.scheduler_address
        finally:
            process.terminate()  # Dask's command then ends the workers that it has started
            with suppress(subprocess.TimeoutExpired):
                process.wait(CONNECT_S)
            process.kill()
            process.wait()


def _start_workers(address: str, workers: int, said: IO[bytes]) -> subprocess.Popen[bytes]:
    """Dask's command for workers, each with a nanny that starts another one where it dies."""
    options = {
        "--nworkers": str(workers),
        "--nthreads": "1",
        "--memory-limit": "0",
        "--death-timeout": str(START_S),
    }
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-dashboard"),
            *(word for option in options.items() for word in option),
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=said,
        **ALONE,
    )


def _wait_for_worker(cluster: Any, process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
    """Until the first is there; the others come as they start."""
    until = time.monotonic() + START_S
    while not cluster.scheduler.workers:
        if process.poll() is not None or time.monotonic() > until:
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
            raise InputError(
                f"--dask local: no worker starts ({lines[-1] if lines else 'no word of why'}); try "
                "without --dask"
            )
        time.sleep(0.05)
