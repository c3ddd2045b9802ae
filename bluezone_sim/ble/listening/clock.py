"""The clock by which packets are stamped: as right as the computer's when it began, and steady from then.

The computer's own clock is set anew while it runs, by NTP or by hand, and packets stamped by it would go
back in time, or leave gaps that were none. What it does is noted beside the packets.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

#: A step of less is none: the two clocks are read one after the other, and NTP slews by half a
#: millisecond a second at most.
_STEP_NS = 50_000_000


@dataclass(frozen=True)
class ClockStep:
    """The computer's clock was set, or the computer slept.

    Attributes:
        time_us: when that was noticed, by the steady clock, unix microseconds.
        by_us: by how much the clock was set forward, or how long the computer slept.
        slept: it slept; the clock need not have been set.
    """

    time_us: int
    by_us: int
    slept: bool = False

    def __str__(self) -> str:
        seconds = f"{abs(self.by_us) / 1e6:,.3f} s"
        if self.slept:
            return f"the computer slept for {seconds}"
        return (
            f"the computer's clock was set {'forward' if self.by_us > 0 else 'back'} by {seconds}"
        )


def steady_ns() -> int:
    """Nanoseconds that pass also while the computer sleeps, and that nobody sets."""
    if sys.platform == "linux":
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":  # where Python's own clock stands still in sleep
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    return time.monotonic_ns()


def awake_ns() -> int:
    """Nanoseconds that pass while the computer is awake; elsewhere than on Linux those of sleep too."""
    return time.monotonic_ns() if sys.platform == "linux" else steady_ns()


class SteadyClock:
    """Unix time that never goes back.

    Args:
        wall_ns: the computer's clock, unix nanoseconds.
        steady: nanoseconds from any beginning.
        awake: the same without sleep.

    Attributes:
        steps: what the computer's clock did, in order.
    """

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        steady: Callable[[], int] = steady_ns,
        awake: Callable[[], int] = awake_ns,
    ) -> None:
        self._wall_ns, self._steady, self._awake = wall_ns, steady, awake
        self.steps: list[ClockStep] = []
        self._anchor_ns = wall_ns() - steady()
        self._off_ns, self._slept_ns = 0, self._asleep_ns()

    def now_us(self) -> int:
        """Unix microseconds."""
        return (self._anchor_ns + self._steady()) // 1000

    def _asleep_ns(self) -> int:
        return self._steady() - self._awake()

    def watch(self) -> None:
        """Looks what the computer's clock has done; called every few moments."""
        slept = self._asleep_ns()
        if slept - self._slept_ns >= _STEP_NS:
            self._note(slept - self._slept_ns, slept=True)
            self._slept_ns = slept
        off = self._wall_ns() - self._anchor_ns - self._steady()
        if abs(off - self._off_ns) >= _STEP_NS:
            self._note(off - self._off_ns, slept=False)
            self._off_ns = off

    def _note(self, by_ns: int, *, slept: bool) -> None:
        self.steps.append(ClockStep(self.now_us(), by_ns // 1000, slept))
