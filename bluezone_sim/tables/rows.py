"""The tables that pass between rooms: frozen dataclasses of NumPy arrays.

Simulated and measured sightings are one table; protocols, matching, metrics and reports never know
which they hold. Rows are in no particular order unless a docstring says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from operator import attrgetter
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import TableError

TRANSPORT_ADVERTISEMENT = 0
TRANSPORT_GATT = 1


@cache
def _getter(kind: type[Any]) -> attrgetter[Any]:
    """Gives all fields of a table, of which there are several."""
    return attrgetter(*kind.__dataclass_fields__)


class Columns:
    """Columns of equal length; ``len``, row selection, concatenation and a readable repr."""

    __slots__ = ()

    def _columns(self) -> dict[str, Any]:
        return {
            f.name: value
            for f in fields(self)  # type: ignore[arg-type]
            if isinstance(value := getattr(self, f.name), np.ndarray)
        }

    def _arrays(self) -> list[NDArray[Any]]:
        values = _getter(type(self))(self)  # type: ignore[arg-type]
        return [v for v in values if isinstance(v, np.ndarray)]

    def __len__(self) -> int:
        return len(self._arrays()[0])

    def __repr__(self) -> str:
        columns = ", ".join(
            f"{k}:{v.dtype}{list(v.shape[1:]) or ''}" for k, v in self._columns().items()
        )
        return f"<{type(self).__name__} {len(self):,} rows ({columns})>"

    def _check_lengths(self) -> None:
        if len({*map(len, self._arrays())}) > 1:
            lengths = {k: len(v) for k, v in self._columns().items()}
            raise TableError(f"{type(self).__name__}: columns differ in length: {lengths}")

    def take(self, rows: NDArray[Any]) -> Self:
        """Rows by index or mask, every column alike."""
        values: dict[str, Any] = {}
        for f in fields(self):  # type: ignore[arg-type]
            value = getattr(self, f.name)
            if isinstance(value, np.ndarray):
                value = value[rows]
            elif f.name == "meta":
                value = {k: v[rows] for k, v in value.items()}
            values[f.name] = value
        return type(self)(**values)

    def then(self, others: Sequence[Self]) -> Self:
        """These rows, then those of others that have the same columns."""
        whole = {
            name: np.concatenate([column, *(getattr(other, name) for other in others)])
            for name, column in self._columns().items()
        }
        return replace(self, **whole)  # type: ignore[type-var]


@dataclass(frozen=True, slots=True, repr=False)
class Contacts(Columns):
    """Segments of co-presence of two people at one distance.

    Attributes:
        contact: ``uint64[n]``, id that all segments of one contact share.
        group: ``int64[n]``, id of the shared space, -1 where there is none.
        a, b: ``int32[n]``, the two people.
        start_s: ``int64[n]``, start, unix seconds.
        duration_s: ``int32[n]``.
        distance_m: ``float32[n]``.
        setting: ``uint8[n]``, index into :data:`bluezone_sim.world.SETTINGS`.
    """

    contact: NDArray[np.uint64]
    group: NDArray[np.int64]
    a: NDArray[np.int32]
    b: NDArray[np.int32]
    start_s: NDArray[np.int64]
    duration_s: NDArray[np.int32]
    distance_m: NDArray[np.float32]
    setting: NDArray[np.uint8]

    def __post_init__(self) -> None:
        self._check_lengths()

    def reversed(self) -> Contacts:
        """The same segments seen from the other end: ``a`` and ``b`` swapped."""
        return replace(self, a=self.b, b=self.a)


@dataclass(frozen=True, slots=True, repr=False)
class Sightings(Columns):
    """What phones heard: one row per record, simulated or measured.

    Attributes:
        observer: ``int32[n]``, the phone that heard.
        time_ms: ``int64[n]``, unix milliseconds of the (first) packet.
        identifier: ``uint8[n, id_size]``, as on air (or as read over GATT).
        rssi_dbm: ``int16[n]``, mean over the record's packets.
        protocol: name of the protocol, as in :func:`bluezone_sim.protocols.get`.
        payload: other payload bytes, ``uint8[n, k]`` (GAEN: the encrypted metadata), or None.
        transport: ``uint8[n]`` (0 advertisement, 1 GATT), or None.
        rssi_max_dbm: ``int16[n]``, strongest packet, or None.
        packets: ``int32[n]``, packets in the record, or None.
        own_identifier: ``uint8[n, id_size]``, what the observer itself sent then, or None.
        address: ``uint64[n]``, advertiser's 48-bit address, or None.
        true_sender: ``int32[n]``, known in simulations only, never used for matching; or None.
        distance_m: ``float32[n]``, ground truth where a measurement has it (NaN where not); or None.
    """

    observer: NDArray[np.int32]
    time_ms: NDArray[np.int64]
    identifier: NDArray[np.uint8]
    rssi_dbm: NDArray[np.int16]
    protocol: str = "bluezone"
    payload: NDArray[np.uint8] | None = None
    transport: NDArray[np.uint8] | None = None
    rssi_max_dbm: NDArray[np.int16] | None = None
    packets: NDArray[np.int32] | None = None
    own_identifier: NDArray[np.uint8] | None = None
    address: NDArray[np.uint64] | None = None
    true_sender: NDArray[np.int32] | None = None
    distance_m: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        self._check_lengths()


#: How it is known that a phone listened: its log tells of the scan; what recorded scans without a pause;
#: or packets were heard, one soon after the other.
TOLD, UNBROKEN, HEARD = 0, 1, 2
#: Packets that are no farther apart were heard in one scan (assumed: phones in use pause for a minute at
#: least between scans, and send a packet in half a minute).
ASSUMED_SCAN_GAP_S = 30


@dataclass(frozen=True, slots=True, repr=False)
class Listening(Columns):
    """When phones listened, as far as their logs tell it: sorted by (observer, start), and those of one
    observer apart from each other.

    Attributes:
        observer: ``int32[n]``, as in :class:`Sightings`.
        start_ms, end_ms: ``int64[n]``, unix milliseconds.
        known: ``uint8[n]``, :data:`TOLD`, :data:`UNBROKEN` or :data:`HEARD`.
    """

    observer: NDArray[np.int32]
    start_ms: NDArray[np.int64]
    end_ms: NDArray[np.int64]
    known: NDArray[np.uint8]

    def __post_init__(self) -> None:
        self._check_lengths()


@dataclass(frozen=True, slots=True, repr=False)
class PublishedKeys(Columns):
    """Keys as an authority publishes them.

    Attributes:
        key: ``uint8[n, key_size]``.
        start_s: ``int64[n]``, unix seconds at which each key's validity starts.
        count: ``int32[n]``, number of intervals for which each key is valid.
        meta: further columns of the protocol, each of ``n`` rows.
    """

    key: NDArray[np.uint8]
    start_s: NDArray[np.int64]
    count: NDArray[np.int32]
    meta: dict[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_lengths()


@dataclass(frozen=True, slots=True, repr=False)
class Matches(Columns):
    """Published identifiers found in histories, sorted by (key, row).

    Attributes:
        key: ``int32[n]``, row of :class:`PublishedKeys`.
        row: ``int64[n]``, row of :class:`Sightings`.
        observer: ``int32[n]``.
        day_s: ``int64[n]``, unix seconds, UTC midnight of the day of the matched interval's key.
        interval: ``int32[n]``, 0-based interval within that day key's validity.
        time_ms: ``int64[n]``.
        rssi_dbm: ``int16[n]``.
        attenuation_db: ``float32[n]`` where the protocol gives it, else None.
    """

    key: NDArray[np.int32]
    row: NDArray[np.int64]
    observer: NDArray[np.int32]
    day_s: NDArray[np.int64]
    interval: NDArray[np.int32]
    time_ms: NDArray[np.int64]
    rssi_dbm: NDArray[np.int16]
    attenuation_db: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        self._check_lengths()


@dataclass(frozen=True, slots=True, repr=False)
class Warnings(Columns):
    """Who is warned, of what, when; one row per adoption level, person and source.

    Attributes:
        level_index: ``uint8[n]``, adoption level.
        person: ``int32[n]``.
        level: ``uint8[n]``, 1 for F1, 2 for F2.
        index_case: ``int32[n]``, the F0 at the root.
        source: ``int32[n]``, the person whose keys matched (the F0 for an F1, an F1 for an F2).
        contact_day_s: ``int64[n]``, local midnight of the first matched day, unix seconds.
        published_s: ``int64[n]``, when the keys were published, unix seconds.
        told_s: ``int64[n]``, when the person is told, unix seconds.
    """

    level_index: NDArray[np.uint8]
    person: NDArray[np.int32]
    level: NDArray[np.uint8]
    index_case: NDArray[np.int32]
    source: NDArray[np.int32]
    contact_day_s: NDArray[np.int64]
    published_s: NDArray[np.int64]
    told_s: NDArray[np.int64]

    def __post_init__(self) -> None:
        self._check_lengths()


@dataclass(frozen=True, slots=True, repr=False)
class Outcomes(Columns):
    """One row per risky pair and adoption level: where it was lost, or warned.

    Attributes:
        level_index: ``uint8[n]``, adoption level.
        index_case: ``int32[n]``, the F0.
        other: ``int32[n]``.
        outcome: ``uint8[n]``, index into :data:`OUTCOMES`.
        both_have_app: ``bool[n]``.
        recorded: ``bool[n]``, the other's phone holds a row of the F0 from the look-back.
        near_s: ``int32[n]``, most seconds within the risky distance on any one local day.
        case_platform, other_platform: ``uint8[n]``, of their phones, index into
            :data:`bluezone_sim.tables.platforms.PLATFORMS`; ``NO_PHONE`` without a smartphone.
    """

    level_index: NDArray[np.uint8]
    index_case: NDArray[np.int32]
    other: NDArray[np.int32]
    outcome: NDArray[np.uint8]
    both_have_app: NDArray[np.bool_]
    recorded: NDArray[np.bool_]
    near_s: NDArray[np.int32]
    case_platform: NDArray[np.uint8]
    other_platform: NDArray[np.uint8]

    def __post_init__(self) -> None:
        self._check_lengths()


@dataclass(frozen=True)
class Histogram:
    """Counts of one or more series over shared bins.

    Attributes:
        name, unit: of the quantity.
        edges: ``float64[k + 1]``.
        counts: series name to ``int64[k]``.
    """

    name: str
    unit: str
    edges: NDArray[np.float64]
    counts: Mapping[str, NDArray[np.int64]]

    @property
    def each(self) -> str:
        """One of the unit: records, a record."""
        return "record" if self.unit == "records" else self.unit

    @property
    def even(self) -> bool:
        """All bins are as wide as each other."""
        return bool(np.ptp(np.diff(self.edges)) < 1e-9 * np.ptp(self.edges))

    def shares(self, series: str) -> NDArray[np.float64] | None:
        """``float64[k]``: of a series by bin; None of one that is empty."""
        counts = self.counts[series]
        total = counts.sum()
        return counts / total if total else None

    def density(self, series: str) -> NDArray[np.float64] | None:
        """``float64[k]``: share of a series in each bin over the bin's width; None of one that is empty.

        What bars show: as high where values are as dense, however wide their bins are.
        """
        shares = self.shares(series)
        return None if shares is None else shares / np.diff(self.edges)
