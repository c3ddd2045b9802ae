"""Local days."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

EPOCH = dt.date(1970, 1, 1)
DAY_S = 86_400


@dataclass(frozen=True)
class Pieces:
    """Spans that lie in one local day and in one UTC day, in order of time: both consist of them.

    Attributes:
        start_s: ``int64[p]``, unix seconds.
        local: ``int64[p]``, index of the local day.
        utc: ``int64[p]``, UTC day, days since 1970-01-01.
    """

    start_s: NDArray[np.int64]
    local: NDArray[np.int64]
    utc: NDArray[np.int64]

    def index_of(self, time_s: NDArray[np.int64]) -> NDArray[np.int64]:
        """Index of the piece that holds each time (-1 before the first)."""
        return np.searchsorted(self.start_s, time_s, side="right") - 1


@dataclass(frozen=True)
class Days:
    """Local days that follow each other.

    Attributes:
        number: ``int64[d]``, days since 1970-01-01.
        start_s: ``int64[d]``, unix seconds of each local midnight.
        weekday: ``int64[d]``, Monday 0.
        end_s: unix seconds of the midnight that ends the last; by default a day after it began.
    """

    number: NDArray[np.int64]
    start_s: NDArray[np.int64]
    weekday: NDArray[np.int64]
    end_s: int = -1

    def __post_init__(self) -> None:
        if self.end_s < 0:
            object.__setattr__(self, "end_s", int(self.start_s[-1]) + DAY_S)

    @classmethod
    def look_back(cls, last: dt.date, days: int, timezone: str) -> Days:
        """The ``days`` local days that end with ``last``."""
        dates = [last - dt.timedelta(days=k) for k in range(days - 1, -2, -1)]
        midnights = np.array(
            [int(dt.datetime.combine(d, dt.time(), ZoneInfo(timezone)).timestamp()) for d in dates],
            dtype=np.int64,
        )
        return cls(
            number=np.array([(d - EPOCH).days for d in dates[:-1]], dtype=np.int64),
            start_s=midnights[:-1],
            weekday=np.array([d.weekday() for d in dates[:-1]], dtype=np.int64),
            end_s=int(midnights[-1]),
        )

    def __len__(self) -> int:
        return len(self.number)

    def index_of(self, time_s: NDArray[np.int64]) -> NDArray[np.int64]:
        """Index of the local day that holds each time (-1 before the first)."""
        return np.searchsorted(self.start_s, time_s, side="right") - 1

    @cached_property
    def pieces(self) -> Pieces:
        """The days cut at UTC midnights."""
        first, last = int(self.start_s[0]), self.end_s
        midnights = np.arange(-(-first // DAY_S) * DAY_S, last, DAY_S, dtype=np.int64)
        start_s = np.unique(np.concatenate([self.start_s, midnights]))
        return Pieces(start_s, self.index_of(start_s), start_s // DAY_S)

    def as_array(self) -> NDArray[np.int64]:
        """``int64[d, 3]``: number, start, weekday."""
        return np.ascontiguousarray(np.stack([self.number, self.start_s, self.weekday], axis=1))
