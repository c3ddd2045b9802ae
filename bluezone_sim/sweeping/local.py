"""Jobs on one machine: worker processes of one Python each, threads within.

A worker is a fresh interpreter that reads jobs from its standard input and ends when that closes, so
none outlives the sweep, however the sweep ends.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO, Any

from .plan import Job
from .work import Done, Failed, attempt

#: A job whose worker dies this often is given up: it would kill the next one too.
ATTEMPTS = 3

#: A worker starts in a session of its own: a Ctrl-C of the terminal is the sweep's to handle.
ALONE: dict[str, Any] = {"start_new_session": True}
if sys.platform == "win32":
    ALONE = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}

_CHILD = (
    "import sys; sys.path[:] = {path!r}; from bluezone_sim.sweeping.local import serve; serve()"
)


def run_here(
    jobs: Sequence[Job], workers: int, threads: int, arrived: Callable[[Done | Failed], None]
) -> None:
    """Runs jobs and hands each result over, in the calling thread, as it comes.

    Args:
        jobs: in the order in which they start.
        workers: processes; 1 is this process itself.
        threads: threads of each.
        arrived: called with each job's result; what it raises ends the run.
    """
    if workers == 1:
        for job in jobs:
            arrived(attempt(job, threads))
        return
    pool = _Pool(jobs, min(workers, len(jobs)), threads)
    try:
        for _ in jobs:
            arrived(pool.next())
    finally:
        pool.stop()


class _Pool:
    """Worker processes, each driven by a thread of its own."""

    def __init__(self, jobs: Sequence[Job], workers: int, threads: int):
        self._waiting = deque((job, 1) for job in jobs)
        self._open = len(jobs)
        self._change = threading.Condition()
        self._out: queue.Queue[Done | Failed] = queue.Queue()
        self._threads = threads
        self._processes: list[subprocess.Popen[bytes]] = []
        self._stopped = False
        self._drivers = [threading.Thread(target=self._drive, daemon=True) for _ in range(workers)]
        for driver in self._drivers:
            driver.start()

    def next(self) -> Done | Failed:
        while True:
            try:
                return self._out.get(timeout=0.5)  # a wait without end would hold Ctrl-C on Windows
            except queue.Empty:
                continue

    def stop(self) -> None:
        with self._change:
            self._stopped = True
            for process in self._processes:
                process.kill()
            self._change.notify_all()
        for driver in self._drivers:
            driver.join()

    def _drive(self) -> None:
        """Keeps one worker busy until every job has a result; a worker that dies is replaced."""
        process = None
        while (item := self._take()) is not None:
            job, attempts = item
            try:
                process = process or self._start()
                result = _ask(process, job, self._threads)
            except (EOFError, OSError, pickle.UnpicklingError) as error:
                how = error if process is None else f"exit status {_end(process)}"
                process = None
                if attempts < ATTEMPTS:
                    self._give_back(job, attempts + 1)
                    continue
                result = Failed(
                    job.id,
                    f"its worker process died {attempts} times ({how}); if memory is short, give "
                    "fewer --workers",
                    3,
                )
            except (
                Exception
            ) as error:  # else nobody would answer for the job, and the sweep wait for ever
                result = Failed(job.id, f"cannot be handed to a worker process ({error})", 3)
            self._finish(result)
        if process is not None:
            _end(process)

    def _take(self) -> tuple[Job, int] | None:
        with self._change:
            while not self._waiting and self._open and not self._stopped:
                self._change.wait()
            return self._waiting.popleft() if self._waiting and not self._stopped else None

    def _give_back(self, job: Job, attempts: int) -> None:
        with self._change:
            self._waiting.appendleft((job, attempts))
            self._change.notify_all()

    def _finish(self, result: Done | Failed) -> None:
        self._out.put(result)
        with self._change:
            self._open -= 1
            self._change.notify_all()

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", _CHILD.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            **ALONE,
        )
        with self._change:
            self._processes = [p for p in self._processes if p.poll() is None] + [process]
            if self._stopped:
                process.kill()
        return process


def _end(process: subprocess.Popen[bytes]) -> int:
    """Closes a worker's pipes, by which it ends if it has not; its exit status."""
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):  # what could not be written to a dead worker
            pipe.close()  # type: ignore[union-attr]
    return process.wait()


def _ask(process: subprocess.Popen[bytes], job: Job, threads: int) -> Done | Failed:
    assert process.stdin is not None
    assert process.stdout is not None
    pickle.dump((job, threads), process.stdin)
    process.stdin.flush()
    answer: Done | Failed = pickle.load(process.stdout)
    return answer


# -- the worker's side --------------------------------------------------------------------------------


def serve() -> None:
    """A worker: jobs from standard input, results to standard output, until the input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not be taken for an answer
    inbox: queue.SimpleQueue[tuple[Job, int]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, inbox), daemon=True).start()
    while True:
        job, threads = inbox.get()
        pickle.dump(attempt(job, threads), answers)
        answers.flush()


def _listen(source: IO[bytes], inbox: queue.SimpleQueue[tuple[Job, int]]) -> None:
    """Ends the process with its input, also in the middle of a job: nobody waits for it any more."""
    while True:
        try:
            inbox.put(pickle.load(source))
        except (EOFError, OSError, pickle.UnpicklingError):
            os._exit(0)
