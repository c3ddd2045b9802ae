"""Conformance profiles: limits as data, each with its source."""

from __future__ import annotations

import math
from difflib import get_close_matches
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ... import protocols
from ...errors import FormatError, InputError, listed
from ...reading.bounded import is_file
from ...reading.documents import read_toml

#: What can be measured: name, and what it says.
MEASUREMENTS = {
    "ad_form_share": "packets whose AD structures are exactly those of the protocol",
    "name_share": "packets that carry a device name",
    "tx_power_share": "packets that carry a TX power AD structure",
    "advertising_interval_ms": "median time between packets while advertising, missed ones accounted for",
    "advertising_interval_spread_ms": "5 to 95 % range of that time",
    "duty_on_s": "median length of a burst of advertising",
    "duty_off_s": "median pause between bursts",
    "longest_silence_s": "longest time without a packet, from the phone's first to the end of listening",
    "rotation_period_s": "median time an identifier is in use, whole uses only",
    "rotation_jitter_s": "longest less shortest such time",
    "linkable_changes": "changes of identifier or address by which the other can be followed",
    "linkable_overlap_s": "longest time that an old identifier or address was on air beside the new one",
    "non_resolvable_share": "packets from random non-resolvable addresses",
    "identifiers_of_key_share": "identifiers that the given keys derive, at a time when they are valid",
    "tx_power_dbm": "median TX power that the keys decrypt",
    "gatt_success_share": "GATT reads that gave an identifier",
    "gatt_read_s": "median time of a GATT read, connecting included",
}


class Limit(BaseModel):
    """One limit; without bounds a measurement is reported and passes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    low: float | None = None
    high: float | None = None
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _ordered(self) -> Limit:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}")
        return self

    def holds(self, value: float) -> bool:
        """A value is within."""
        low = -math.inf if self.low is None else self.low
        return low <= value <= (math.inf if self.high is None else self.high)

    def text(self) -> str:
        """For people."""
        if self.low is None and self.high is None:
            return "none"
        if self.low is None:
            return f"≤ {self.high:g}"
        return f"≥ {self.low:g}" if self.high is None else f"{self.low:g} … {self.high:g}"


class ConformanceLimits(BaseModel):
    """What a phone is measured against."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    protocol: str
    transport: str = Field("advertisement", pattern="^(advertisement|gatt)$")
    seconds: float = Field(gt=0, description="how long a full measurement listens")
    limits: dict[str, Limit] = Field(min_length=1)

    @model_validator(mode="after")
    def _known(self) -> ConformanceLimits:
        protocols.get(self.protocol)
        for name in self.limits:
            if name not in MEASUREMENTS:
                near = get_close_matches(name, MEASUREMENTS, 1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise ValueError(f"limits.{name}: expected one of {', '.join(MEASUREMENTS)}{hint}")
        return self


def shipped_profiles() -> dict[str, Path]:
    """Profiles of the package, by name."""
    folder = Path(__file__).parent / "limits"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load_limits(name_or_path: str) -> ConformanceLimits:
    """A shipped profile by its name, or a file.

    Raises:
        InputError: there is no such profile.
        FormatError: it is at fault; the key is named.
    """
    known = shipped_profiles()
    path = known.get(name_or_path, Path(name_or_path))
    if not is_file(path):
        near = get_close_matches(name_or_path, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(
            f"profile {name_or_path!r}: no such file, and no shipped one of that name "
            f"({', '.join(known)}){hint}"
        )
    try:
        return ConformanceLimits.model_validate(read_toml(path, "a profile in TOML"))
    except ValidationError as error:
        lines = [
            f"  - {'.'.join(map(str, e['loc'])) or 'profile'}: {e['msg']}" for e in error.errors()
        ]
        raise FormatError(f"{path}: not a profile\n{listed(lines, len(lines))}") from None
