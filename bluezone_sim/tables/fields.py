"""What the numbers of sightings can be: one table, by which every file of them is checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Instead of an RSSI, where none is told.
UNKNOWN_RSSI_DBM = -128


@dataclass(frozen=True)
class Range:
    """What values of a field can be.

    Attributes:
        low, high: the least and the greatest.
        unit: for messages.
        source: of both.
        unknown: stands for a value that is not told; None where there is no such sign.
    """

    low: float
    high: float
    unit: str
    source: str
    unknown: float | None = None

    def holds(self, value: object) -> bool:
        """It is a number, and within; not the sign of one that is not told."""
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return False
        return self.low <= value <= self.high

    def outside(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Rows whose value is outside, and not the sign of one that is not told; NaN is outside."""
        inside = (values >= self.low) & (values <= self.high)
        if self.unknown is not None:
            inside |= np.isnan(values) if np.isnan(self.unknown) else values == self.unknown
        return np.flatnonzero(~inside)

    def __str__(self) -> str:
        low, high = (f"{v:,.0f}" if abs(v) < 1e6 else f"{v:.4g}" for v in (self.low, self.high))
        return f"{low} to {high} {self.unit}"


_CORE = "Bluetooth Core 5.4"
#: Unix times end in the year 2248, before milliseconds need 44 bits.
TIME_MS = Range(0, (1 << 43) - 1, "unix milliseconds", "no clock of a phone tells more")
TIME_S = Range(0, (1 << 43) // 1000, "unix seconds", TIME_MS.source)
RSSI_DBM = Range(-127, 20, "dBm", f"{_CORE}, vol. 4, part E, 7.7.65", UNKNOWN_RSSI_DBM)
DISTANCE_M = Range(0, 1000, "metres", "Bluetooth reaches no farther between phones", np.nan)
_NUMBER = Range(0, (1 << 31) - 1, "(a phone's number)", "int32 of a table of sightings")

#: By column of :class:`~.rows.Sightings`.
SIGHTINGS = {
    "observer": _NUMBER,
    "time_ms": TIME_MS,
    "rssi_dbm": RSSI_DBM,
    "rssi_max_dbm": RSSI_DBM,
    "transport": Range(0, 1, "(0 advertisement, 1 GATT)", "see the table of sightings"),
    "packets": Range(0, (1 << 31) - 1, "packets", _NUMBER.source),
    "address": Range(0, (1 << 48) - 1, "(an address of 48 bits)", f"{_CORE}, vol. 6, part B, 1.3"),
    "true_sender": Range(-1, (1 << 31) - 1, "(a phone's number)", _NUMBER.source),
    "distance_m": DISTANCE_M,
}
