"""What is in a trace, in numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..tables.trace import Trace

_QUANTILES = (5, 25, 50, 75, 95)


@dataclass(frozen=True)
class TraceInfo:
    """A trace in numbers.

    Attributes:
        rows: rows of the file.
        people, groups, days: how many.
        first_day, last_day: local days, days since 1970-01-01.
        contacts: meetings without a gap; segments: those by distance.
        pairs: pairs of people that ever meet.
        pairs_repeated: share of pairs that meet on two days or more.
        met_again: share of pair-days of pairs that meet on two days or more.
        contacts_per_person_day: mean number of people met, over people and days.
        duration_quantiles_s: 5, 25, 50, 75, 95 % of the contacts' durations.
        distance_quantiles_m: the same of distances, weighted by time; None where only RSSI is known.
        rssi_quantiles_dbm: the same of RSSI; None where the file has none.
        risky_pair_days: pairs and days with 15 minutes or more at most 2 m apart; None where only RSSI
            is known and no radio says what it means.
        reading: what the columns were read as.
        counted: kind of bad or odd row to their number.
        notes: what was taken for granted.
        sha256: of the bytes of the file, and of those of the people's.
    """

    rows: int
    people: int
    groups: int
    days: int
    first_day: int
    last_day: int
    contacts: int
    segments: int
    pairs: int
    pairs_repeated: float
    met_again: float
    contacts_per_person_day: float
    duration_quantiles_s: tuple[float, ...]
    distance_quantiles_m: tuple[float, ...] | None
    rssi_quantiles_dbm: tuple[float, ...] | None
    risky_pair_days: int | None
    reading: str = ""
    counted: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sha256: tuple[str, str | None] = ("", None)


def trace_info(trace: Trace) -> TraceInfo:
    """Counts people, contacts, days, durations and repeated pairs."""
    n_days = len(trace.days)
    contact = np.cumsum(trace.first) - 1
    duration_s = np.bincount(contact, trace.duration_s)
    pair = trace.a.astype(np.int64) * trace.n_people + trace.b
    day = trace.days.index_of(trace.start_s)
    pair_days, of = np.unique(pair * n_days + day, return_inverse=True)
    _, met = np.unique(pair_days // n_days, return_counts=True)
    near_s = np.bincount(of, trace.duration_s * (trace.distance_m <= 2.0))
    known = bool(np.isfinite(trace.distance_m).all())
    return TraceInfo(
        rows=trace.rows,
        people=trace.n_people,
        groups=len(trace.groups) if any(trace.groups) else 0,
        days=n_days,
        first_day=int(trace.days.number[0]),
        last_day=int(trace.days.number[-1]),
        contacts=len(duration_s),
        segments=len(trace.a),
        pairs=len(met),
        pairs_repeated=float(np.mean(met >= 2)),
        met_again=float(met[met >= 2].sum() / met.sum()),
        contacts_per_person_day=2 * len(pair_days) / (trace.n_people * n_days),
        duration_quantiles_s=tuple(np.percentile(duration_s, _QUANTILES).tolist()),
        distance_quantiles_m=_by_time(trace, trace.distance_m) if known else None,
        rssi_quantiles_dbm=None if trace.rssi_dbm is None else _by_time(trace, trace.rssi_dbm),
        risky_pair_days=int(np.count_nonzero(near_s >= 900)) if known else None,
        reading=trace.reading,
        counted=trace.counted,
        notes=trace.notes,
        sha256=trace.sha256,
    )


def _by_time(trace: Trace, values: NDArray[np.float32]) -> tuple[float, ...]:
    """Quantiles of a column, weighted by time."""
    order = np.argsort(values, kind="stable")
    weight = np.cumsum(trace.duration_s[order])
    at = np.searchsorted(weight, np.array(_QUANTILES) / 100 * weight[-1])
    return tuple(values[order][at].round(3).tolist())
