"""The population as one table, and who there is before anybody has a phone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .adoption import Groups


@dataclass(frozen=True)
class People:
    """Who there is, in the order of the scenario's districts.

    Attributes:
        urban: ``bool[n]``.
        age: ``uint8[n]``, years.
        groups: lasting groups.
        activity: ``float64[n]``, how active a person is, mean 1.
        weight: ``float64[n]``, by which a smartphone is owned; nobody with 0 has one.
        brought: see :class:`World`.
        ios: ``int16[n]``, 1 for an iPhone, 0 for an Android phone, -1 where it is drawn; None: drawn for
            everybody.
        app: ``bool[n]``, who has the app, and so adopts before all others; None: nobody says.
        cases: ``int32[k]``, who can be an index case, ascending; None: anybody.
    """

    urban: NDArray[np.bool_]
    age: NDArray[np.uint8]
    groups: Groups
    activity: NDArray[np.float64]
    weight: NDArray[np.float64]
    brought: object = None
    ios: NDArray[np.int16] | None = None
    app: NDArray[np.bool_] | None = None
    cases: NDArray[np.int32] | None = None


@dataclass(frozen=True)
class World:
    """The population as one table.

    Attributes:
        seed: the seed that made it.
        zone: ``int16[n]``, district index.
        zone_start: ``int64[z + 1]``, first person of each district.
        urban: ``bool[n]``.
        age: ``uint8[n]``, years.
        groups: lasting groups.
        activity: ``float64[n]``, how active a person is, mean 1.
        rank: ``float64[n]``, adoption rank in (0, 1), infinite for people without a smartphone:
            the app is there at level a if ``rank < a``.
        ios: ``bool[n]``, the platform a person's phone has (or would have).
        tx_power_dbm, rx_correction_db: ``float64[n]``, calibration of the phone.
        install_day: ``int32[n]``, day (days since 1970-01-01) on which the app is installed by those
            who install it; at a stationary level at least a look-back before the first day.
        brought: what the source of contacts made the people of, such as a trace; None where they are
            generated.
        known_cases: ``int32[k]``, who can be an index case, ascending; None: anybody.
    """

    seed: int
    zone: NDArray[np.int16]
    zone_start: NDArray[np.int64]
    urban: NDArray[np.bool_]
    age: NDArray[np.uint8]
    groups: Groups
    activity: NDArray[np.float64]
    rank: NDArray[np.float64]
    ios: NDArray[np.bool_]
    tx_power_dbm: NDArray[np.float64]
    rx_correction_db: NDArray[np.float64]
    install_day: NDArray[np.int32]
    brought: object = None
    known_cases: NDArray[np.int32] | None = None

    @property
    def n_people(self) -> int:
        """Number of people."""
        return len(self.zone)

    @cached_property
    def owner(self) -> NDArray[np.bool_]:
        """``bool[n]``: who has a smartphone."""
        return np.isfinite(self.rank)
