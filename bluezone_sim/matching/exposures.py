"""What phones hold of published keys: by record, by day, by pair."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

#: Days since the onset of somebody who has no symptoms.
NO_ONSET = -9999
#: Columns of :class:`ExposureDays` that days have and pieces have not.
OF_DAYS = ("since_onset", "before_upload", "risk_level")


@dataclass(frozen=True)
class MatchedRecords:
    """Records that published keys match, or the scans of exposure windows, as a rule weighs them.

    Attributes:
        source: ``int32[n]``, whose keys matched.
        observer: ``int32[n]``, whose phone holds the record.
        time_ms: ``int64[n]``, unix milliseconds.
        rssi_dbm: ``int16[n]``.
        attenuation_db: ``float32[n]`` or whole decibels, None where the protocol tells none.
        observer_ios, source_ios: ``bool[n]``, platforms of the two phones.
        seconds: ``float64[n]``, time that each stands for.
        window: ``int64[n]``, number of the exposure window, from 0 up; None where records are not taken
            together into windows.
    """

    source: NDArray[np.int32]
    observer: NDArray[np.int32]
    time_ms: NDArray[np.int64]
    rssi_dbm: NDArray[np.int16]
    attenuation_db: NDArray[np.number] | None
    observer_ios: NDArray[np.bool_]
    source_ios: NDArray[np.bool_]
    seconds: NDArray[np.float64]
    window: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.source)


@dataclass(frozen=True)
class ExposureDays:
    """What a phone holds of a person's identifiers by day, or by piece of one; sorted by (source, person,
    day).

    Attributes:
        source: ``int32[n]``, whose keys matched.
        person: ``int32[n]``, whose phone holds them.
        day: ``int64[n]``, index of the day, or of the piece of a day, see
            :class:`bluezone_sim.tables.days.Pieces`.
        records: ``int64[n]``, number of records.
        near_s: ``int64[n]``, seconds near, or weighted seconds, by the rule: each record stands for one
            scan period; ``float64[n]`` where scans tell how long each stands for, and by piece.
        strongest_dbm: ``int16[n]``, RSSI of the strongest record.
        window_s: like ``near_s``, of the exposure window with most of them; of a rule without windows,
            of the record.
        since_onset: ``int64[n]``, UTC days since the source's onset, negative before it,
            :data:`NO_ONSET` where it has no symptoms; None where nothing is known of onsets.
        before_upload: ``int64[n]``, UTC days from the row's day to that of the upload; None where it is
            not known.
        risk_level: ``int64[n]``, transmission risk level that the key brings, 0 where it has none; None
            where no key has.
    """

    source: NDArray[np.int32]
    person: NDArray[np.int32]
    day: NDArray[np.int64]
    records: NDArray[np.int64]
    near_s: NDArray[np.number]
    strongest_dbm: NDArray[np.int16]
    window_s: NDArray[np.number]
    since_onset: NDArray[np.int64] | None = None
    before_upload: NDArray[np.int64] | None = None
    risk_level: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.source)

    def take(self, rows: NDArray[np.integer]) -> ExposureDays:
        """Rows by index."""
        columns = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return replace(self, **{k: c[rows] for k, c in columns.items() if c is not None})

    @property
    def pair_starts(self) -> NDArray[np.bool_]:
        """``bool[n]``: first row of each (source, person)."""
        new = (np.diff(self.source, prepend=-1) != 0) | (np.diff(self.person, prepend=-1) != 0)
        return np.asarray(new)


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
