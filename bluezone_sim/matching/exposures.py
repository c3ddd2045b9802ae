"""What phones hold of published keys: by record, by day, by pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class MatchedRecords:
    """Records that published keys match, as a rule weighs them.

    Attributes:
        source: ``int32[n]``, whose keys matched.
        observer: ``int32[n]``, whose phone holds the record.
        time_ms: ``int64[n]``, unix milliseconds.
        rssi_dbm: ``int16[n]``.
        attenuation_db: ``float32[n]`` or whole decibels, None where the protocol tells none.
        observer_ios, source_ios: ``bool[n]``, platforms of the two phones.
    """

    source: NDArray[np.int32]
    observer: NDArray[np.int32]
    time_ms: NDArray[np.int64]
    rssi_dbm: NDArray[np.int16]
    attenuation_db: NDArray[np.number] | None
    observer_ios: NDArray[np.bool_]
    source_ios: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.source)


@dataclass(frozen=True)
class ExposureDays:
    """What a phone holds of a person's identifiers on one local day; sorted by (source, person, day).

    Attributes:
        source: ``int32[n]``, whose keys matched.
        person: ``int32[n]``, whose phone holds them.
        day: ``int64[n]``, index of the local day.
        records: ``int64[n]``, number of records.
        near_s: ``int64[n]``, seconds near, or weighted seconds, by the rule: each record stands for one
            scan period; ``float64[n]`` where scans tell how long each stands for.
        strongest_dbm: ``int16[n]``, RSSI of the strongest record.
    """

    source: NDArray[np.int32]
    person: NDArray[np.int32]
    day: NDArray[np.int64]
    records: NDArray[np.int64]
    near_s: NDArray[np.number]
    strongest_dbm: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.source)

    def take(self, rows: NDArray[np.integer]) -> ExposureDays:
        """Rows by index."""
        return ExposureDays(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Exposures:
    """Pairs (source, person) of which the person's phone holds something; sorted.

    Attributes:
        source, person: ``int32[n]``.
        first_day: ``int64[n]``, index of the first local day with a record.
        fired: ``bool[n]``, the rule warns.
    """

    source: NDArray[np.int32]
    person: NDArray[np.int32]
    first_day: NDArray[np.int64]
    fired: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.source)
