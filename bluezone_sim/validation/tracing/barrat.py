"""Outbreaks in an office whose contacts were measured, with an app: the model of Barrat et al. 2021.

J. R. Soc. Interface 18:20201000, doi:10.1098/rsif.2020.1000. Its trace is one week of SocioPatterns'
InVS15 in steps of 15 minutes, repeated (github.com/barrat/digitalcontacttracing,
``tij_InVS15_1week.dat``); it is not part of this package. Written from the model:

- One person is infected at first. A contact of ``w`` seconds in a step infects with ``1 - (1 - beta)^w``;
  beta is half as large for infectors without severe symptoms, now or to come. Exposed, presymptomatic
  (infectious already), then without symptoms, with mild or with severe ones, then recovered; durations
  are normal, with a tenth of the mean as their deviation.
- Who has severe symptoms, or mild ones that are noticed, isolates after half a day, for 14 days, and the
  app warns of the contacts of the two days before. As half-days go by it holds half a day fewer of them.
- Whose phone holds more than 900 s of all who warn, together, goes into quarantine a step later. The
  susceptible and the recovered stay for 14 days; the infected until they recover, and all their symptoms
  are noticed: they then warn those whom they met in the two days before quarantine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import FormatError, InputError
from ...kernels import rng
from ...kernels.outbreaks import Course, TraceArrays, run_outbreaks
from ...kernels.threads import in_threads
from ...reading.bounded import read_text

#: Seconds of a step, and steps of a day.
STEP_S, DAY = 900, 96
#: The paper's parameters: days, shares, beta a second.
COURSE = Course(
    exposed=3.7 * DAY,
    presymptomatic=1.5 * DAY,
    ill=2.3 * DAY,
    asymptomatic=0.2,
    mild=0.72,
    noticed=0.5,
    infects=1.37e-3,
    less=0.5,
    to_isolation=DAY // 2,
    away=14 * DAY,
    kept=2 * DAY,
    half_day=DAY // 2,
    threshold_s=900,
    most=100 * DAY,
)
#: The week's file has 0.2 MB.
_MOST_BYTES = 64 << 20
#: Trials that a thread takes at a time, at the least.
_GRAIN = 8


@dataclass(frozen=True, eq=False)
class OfficeTrace:
    """Who met whom, by step; repeated without end.

    Attributes:
        people: how many.
        steps: length, whole days.
        step: ``int64[n]``, ascending, from 0.
        a, b: ``int32[n]``, numbers of two people.
        seconds: ``int32[n]``, for which they met in the step.
    """

    people: int
    steps: int
    step: NDArray[np.int64]
    a: NDArray[np.int32]
    b: NDArray[np.int32]
    seconds: NDArray[np.int32]

    @classmethod
    def of_rows(cls, rows: NDArray[np.int64]) -> OfficeTrace:
        """Of ``int64[n, 4]``: step, two ids, seconds; several rows of a pair in a step are one contact.

        Raises:
            InputError: there is no row, or the trace is shorter than what an app remembers.
        """
        if not len(rows):
            raise InputError("a trace of contacts: no row; expected rows 't i j w'")
        ids, number = np.unique(rows[:, 1:3], return_inverse=True)
        pair = np.sort(number.reshape(-1, 2), axis=1)
        step = rows[:, 0] - rows[:, 0].min()
        steps = (int(step.max()) // DAY + 1) * DAY
        if steps < COURSE.kept:
            raise InputError(
                f"a trace of contacts: it lasts {steps // DAY} day; expected {COURSE.kept // DAY} at "
                "least, which an app remembers"
            )
        n = len(ids)
        key, of = np.unique((step * n + pair[:, 0]) * n + pair[:, 1], return_inverse=True)
        seconds = np.bincount(of, rows[:, 3]).astype(np.int32)
        left, b = np.divmod(key, n)
        at, a = np.divmod(left, n)
        return cls(n, steps, at, a.astype(np.int32), b.astype(np.int32), seconds)

    def arrays(self) -> TraceArrays:
        """For the kernel."""
        who = np.concatenate([self.a, self.b])
        order = np.lexsort((np.concatenate([self.step, self.step]), who))
        return TraceArrays(
            step_start=np.searchsorted(self.step, np.arange(self.steps + 1)).astype(np.int64),
            a=self.a,
            b=self.b,
            seconds=self.seconds,
            person_start=np.searchsorted(who[order], np.arange(self.people + 1)).astype(np.int64),
            at=np.concatenate([self.step, self.step])[order].astype(np.int32),
            other=np.concatenate([self.b, self.a])[order],
            held=np.concatenate([self.seconds, self.seconds])[order],
        )


def read_trace(path: Path) -> OfficeTrace:
    """Reads rows ``t i j w``: in step ``t`` of 15 minutes ``i`` and ``j`` met for ``w`` seconds.

    Raises:
        InputError: the file cannot be read, or is shorter than two days.
        FormatError: a row is not of that form.
    """
    rows = []
    for number, line in enumerate(read_text(path, _MOST_BYTES).split("\n"), 1):
        if not line.strip():
            continue
        try:
            t, i, j, w = (int(cell) for cell in line.split())
        except ValueError:
            raise FormatError(f"{path}: row {number}: {_EXPECTED}, found {line[:80]!r}") from None
        if not (0 <= t < 1 << 20 and abs(i) < 1 << 62 and abs(j) < 1 << 62 and 0 < w <= STEP_S):
            raise FormatError(f"{path}: row {number}: {_EXPECTED}, found {line[:80]!r}")
        if i == j:
            raise FormatError(f"{path}: row {number}: {i} meets itself; expected two people")
        rows.append((t, i, j, w))
    try:
        return OfficeTrace.of_rows(np.array(rows, np.int64).reshape(-1, 4))
    except InputError as error:
        raise FormatError(f"{path}: {error}") from None


_EXPECTED = (
    "expected 't i j w': a step of 15 minutes (0 to 1,048,575), two ids and the seconds (1 to 900) for "
    "which they met in it, all whole numbers"
)


def final_sizes(
    trace: OfficeTrace, adoption: float, *, trials: int, seed: int, threads: int = 1
) -> NDArray[np.float64]:
    """Shares of people infected in the end, with isolation and the app.

    Args:
        trace: of contacts.
        adoption: share of people who run the app, 0 .. 1; rounded up to whole people.
        trials: how many; trial ``k`` is the same whatever their number.
        seed: of all draws.
        threads: threads to use; the result does not depend on it.

    Returns:
        ``float64[trials]``.

    Raises:
        InputError: the adoption is not from 0 to 1, or there is no trial.
    """
    if not 0 <= adoption <= 1:
        raise InputError(f"adoption: expected 0 to 1, found {adoption:g}")
    if trials < 1:
        raise InputError(f"trials: expected 1 or more, found {trials}")
    users = math.ceil(adoption * trace.people - 1e-9)
    key = np.uint64(rng.key(seed, "outbreak"))
    out, arrays = np.empty(trials), trace.arrays()

    def work(first: int, last: int) -> None:
        run_outbreaks(arrays, COURSE, key, users, first, last, out)

    in_threads(work, trials, threads, _GRAIN)
    return out
