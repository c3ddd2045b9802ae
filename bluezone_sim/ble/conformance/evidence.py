"""What is measured of a phone, and what a measurement says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...captures.key_sets import KeySet
from ...errors import BluezoneSimError
from ...tables.words import DASH
from ..listening.gatt_client import ReadResult
from .limits import ConformanceLimits, Limit
from .track import Trail

#: Outcomes.
PASS, FAIL, ERROR, NOT_MEASURED = "pass", "fail", "error", "not measured"


class NotMeasuredError(BluezoneSimError):
    """There is too little to measure; the message says what is missing."""


@dataclass(frozen=True)
class Found:
    """What was measured.

    Attributes:
        value: None where nothing began and ended within the recording.
        detail: how, or what is missing.
        unended: the longest of what did not end within the recording: at least so long; None where there
            is no such thing.
    """

    value: float | None
    detail: str
    unended: float | None = None


@dataclass(frozen=True)
class Measurement:
    """One measurement.

    Attributes:
        name, about, unit: as in :data:`bluezone_sim.ble.conformance.limits.MEASUREMENTS`.
        value: None where it was not measured.
        limit: that it has to keep.
        outcome: "pass", "fail", "error" or "not measured".
        detail: how it was measured, or what is missing.
        at_least: the value is a lower bound: what it is of did not end within the recording.
        required: it has to be measured.
    """

    name: str
    about: str
    unit: str
    value: float | None
    limit: Limit
    outcome: str
    detail: str = ""
    at_least: bool = False
    required: bool = False

    @property
    def failed(self) -> bool:
        """It missed its limit, could not be computed, or is required and was not measured."""
        return self.outcome in (FAIL, ERROR) or (self.required and self.outcome == NOT_MEASURED)

    def value_text(self) -> str:
        """For people."""
        if self.value is None:
            return DASH
        return f"≥ {self.value:g}" if self.at_least else f"{self.value:g}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "name": self.name,
            "unit": self.unit,
            "value": self.value,
            "low": self.limit.low,
            "high": self.limit.high,
            "at_least": self.at_least,
            "outcome": self.outcome,
            "required": self.required,
            "detail": self.detail,
            "source": self.limit.source,
        }


@dataclass(frozen=True)
class Evidence:
    """What is measured.

    Attributes:
        profile: the limits.
        trail: the phone's packets.
        reads: GATT reads of the phone, (address, read).
        keys: its published keys, or None.
        seconds: listened.
        end_s: when listening ended, seconds since the phone's first packet.
        cache: what several measurements share.
    """

    profile: ConformanceLimits
    trail: Trail
    seconds: float
    end_s: float
    reads: Sequence[tuple[int, ReadResult]] = ()
    keys: KeySet | None = None
    cache: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def time_s(self) -> NDArray[np.float64]:
        """``float64[n]``, seconds since the first packet."""
        t = self.trail.packets.time_us
        return np.asarray((t - t[0]) / 1e6)
