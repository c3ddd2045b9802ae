"""Contacts through both radio engines, cell by cell of a grid, for tests and ``verification.py``."""

from __future__ import annotations

import datetime as dt
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import stats

from bluezone_sim.kernels import rng
from bluezone_sim.kernels.radio.link_budget import Phones
from bluezone_sim.radio import record
from bluezone_sim.radio.events import simulate
from bluezone_sim.radio.parameters import RadioModel, always_on, model_of
from bluezone_sim.scenario.profiles import resolve
from bluezone_sim.scenario.schema.radio import Radio
from bluezone_sim.tables.rows import Contacts
from bluezone_sim.world import Days

START_S = 1_600_041_600  # a UTC midnight, so that days are days
#: Pairs of phones in one run of the event engine; pairs do not hear each other unless there is a crowd.
PAIRS_A_RUN = 40


@dataclass(frozen=True)
class Cell:
    """Contacts of one kind: the observer's platform first."""

    name: str
    protocol: str = "bluezone"
    platforms: tuple[str, str] = ("android", "android")
    distance_m: float = 2.0
    duration_s: int = 900
    crowd: int = 2
    radio: dict[str, Any] = field(default_factory=dict)
    foreground: float = 0.0005
    life: dict[str, Any] = field(default_factory=dict)


#: Phones whose apps are killed, or save the battery, for hours.
COMES_AND_GOES = always_on().android.model_copy(
    update={"killed_share": 0.3, "killed_h": 1.5, "saver_share": 0.3, "saver_h": 2.0}
)

CELLS = (
    Cell("bluezone, 2 m, 15 min"),
    Cell("bluezone, 2 m, 1 min", duration_s=60),
    Cell("bluezone, 2 m, 5 min", duration_s=300),
    Cell("bluezone, 8 m, 15 min", distance_m=8.0),
    Cell("bluezone, 20 m, 1 h", distance_m=20.0, duration_s=3600),
    Cell("bluezone, 40 m, 1 h", distance_m=40.0, duration_s=3600),
    Cell("bluezone, Android hears iOS", platforms=("android", "ios")),
    Cell("bluezone, iOS hears Android", platforms=("ios", "android")),
    Cell(
        "bluezone, iOS hears iOS",
        platforms=("ios", "ios"),
        foreground=0.4,
        life={"ios_never_opens": 0.2, "ios_leaves_open": 0.6},
    ),
    Cell("bluezone, 35/85 s", radio={"scan_on_s": 35.0, "scan_period_s": 120.0}),
    Cell("bluezone, 1 s spacing, 15 m", distance_m=15.0, radio={"advertise_interval_ms": 1000.0}),
    Cell("gaen, 2 m, 15 min", "gaen"),
    Cell("gaen, 2 m, 3 min", "gaen", duration_s=180),
    Cell("gaen, 20 m, 1 h", "gaen", distance_m=20.0, duration_s=3600),
    Cell("gaen, iOS hears Android", "gaen", ("ios", "android"), distance_m=10.0),
    Cell("dp3t, 2 m, 15 min", "dp3t-lowcost"),
    Cell("dp3t, 15 m, 15 min", "dp3t-lowcost", distance_m=15.0),
    Cell("dp3t, 15 m, 4 min", "dp3t-lowcost", distance_m=15.0, duration_s=240),
    Cell("dp3t, Android hears iOS", "dp3t-lowcost", ("android", "ios"), duration_s=600),
    Cell("tcn, 15 m, 10 min", "tcn", distance_m=15.0, duration_s=600),
    Cell("bluezone, 40 phones", crowd=40, radio={"advertise_interval_ms": 20.0}),
    Cell("gaen, 60 phones", "gaen", crowd=60),
    Cell(
        "bluezone, phones come and go, 1 h",
        duration_s=3600,
        life={"off_share": 0.2, "off_h": 2.0, "android": COMES_AND_GOES},
    ),
    Cell("bluezone, 20 iPhones", platforms=("android", "ios"), crowd=20),
)

_TABLE = always_on()


def people(cell: Cell, n: int, seed: int) -> Phones:
    """``n`` phones, observers and emitters by turns, calibrations spread as the scenario spreads them."""
    ios = np.array([p == "ios" for p in cell.platforms] * (n // 2))
    who = np.arange(n)
    tx, rx = (
        np.where(
            ios, getattr(_TABLE.ios, f"{what}_{unit}"), getattr(_TABLE.android, f"{what}_{unit}")
        )
        + getattr(_TABLE.android, f"{what}_sd_db") * rng.normals(rng.key(seed, what), who)
        for what, unit in (("tx_power", "dbm"), ("rx_correction", "db"))
    )
    return Phones(tx, rx, ios)


def model(cell: Cell, phones: Phones, seed: int) -> RadioModel:
    radio = Radio(**cell.radio)
    table = always_on(ios_foreground_share=cell.foreground, **cell.life)
    profile = resolve(cell.protocol, radio.model_dump())
    return model_of(
        profile, phones, seed, radio=radio, table=table, ios_share=float(phones.ios.mean())
    )


def segments(cell: Cell, a: np.ndarray, b: np.ndarray) -> Contacts:
    n = len(a)
    return Contacts(
        contact=np.arange(1, n + 1, dtype=np.uint64),
        group=np.zeros(n, np.int64),
        a=a.astype(np.int32),
        b=b.astype(np.int32),
        start_s=np.full(n, START_S + 30_000, np.int64),
        duration_s=np.full(n, cell.duration_s, np.int32),
        distance_m=np.full(n, cell.distance_m, np.float32),
        setting=np.zeros(n, np.uint8),
    )


def one_day() -> Days:
    """The UTC day of the contacts."""
    return Days.look_back(dt.datetime.fromtimestamp(START_S, dt.UTC).date(), 1, "UTC")


def some_records() -> int:
    """Checksum of records of both platforms, with reads, jitter and a crowd."""
    out = 0
    for name in ("bluezone, Android hears iOS", "gaen, 2 m, 15 min"):
        cell = next(c for c in CELLS if c.name == name)
        emitter, observer = 2 * np.arange(100) + 1, 2 * np.arange(100)
        crowd = np.full(100, 20)
        found = record(
            model(cell, people(cell, 200, 1), 1),
            segments(cell, emitter, observer),
            one_day(),
            crowd=crowd,
        )
        assert len(found.row) > 100
        for column in found:
            out = zlib.crc32(column.tobytes(), out)
    return out


@dataclass(frozen=True)
class Sample:
    """Per contact, in one direction: records, seconds to the first, its RSSI and strongest packet."""

    records: np.ndarray
    first_s: np.ndarray
    rssi: np.ndarray
    strongest: np.ndarray
    packets: np.ndarray

    @classmethod
    def of(cls, n: int, contact, time_ms, rssi, strongest, packets) -> Sample:
        order = np.lexsort((time_ms, contact))
        contact, time_ms = contact[order], time_ms[order]
        lead = np.flatnonzero(np.diff(contact, prepend=-1))
        first = np.full(n, np.inf)
        first[contact[lead]] = time_ms[lead] / 1000 - (START_S + 30_000)
        return cls(
            np.bincount(contact, minlength=n),
            first,
            rssi[order][lead].astype(float),
            strongest[order][lead].astype(float),
            packets[order][lead].astype(float),
        )


def by_events(cell: Cell, contacts: int, seed: int) -> Sample:
    """``contacts`` contacts of separate pairs, packet by packet."""
    rows = []
    a_run = cell.crowd // 2 if cell.crowd > 2 else min(PAIRS_A_RUN, contacts)
    runs = -(-contacts // a_run)
    for r in range(runs):
        own = rng.key(seed, "packets", r) >> 1
        phones = people(cell, 2 * a_run, own)
        if cell.crowd > 2:
            a, b = np.triu_indices(2 * a_run, 1)
        else:
            a, b = 2 * np.arange(a_run), 2 * np.arange(a_run) + 1
        run = simulate(
            model(cell, phones, own),
            segments(cell, a, b),
            START_S + 30_000,
            cell.duration_s,
            seed=own,
        )
        s = run.sightings
        mine = np.flatnonzero((s.observer % 2 == 0) & (s.true_sender == s.observer + 1))
        rows.append(
            (
                r * a_run + s.observer[mine] // 2,
                s.time_ms[mine],
                s.rssi_dbm[mine],
                s.rssi_max_dbm[mine],
                s.packets[mine],
            )
        )
    return Sample.of(runs * a_run, *(np.concatenate(c) for c in zip(*rows, strict=True)))


def by_vectors(cell: Cell, contacts: int, seed: int) -> Sample:
    """As many, by the vectorised engine."""
    phones = people(cell, 2 * contacts, seed)
    emitter, observer = 2 * np.arange(contacts) + 1, 2 * np.arange(contacts)
    days = one_day()
    crowd = np.full(contacts, cell.crowd) if cell.crowd > 2 else None
    found = record(model(cell, phones, seed), segments(cell, emitter, observer), days, crowd=crowd)
    return Sample.of(
        contacts, found.row, found.time_ms, found.rssi_dbm, found.rssi_max_dbm, found.packets
    )


def compare(a: Sample, b: Sample) -> dict[str, float]:
    """p-values that the two samples have one distribution.

    Found at all: Fisher's exact test. Records a contact: chi-squared over counts, small classes
    joined. First record, RSSI, strongest packet: Kolmogorov-Smirnov (RSSI is rounded, so it errs on the
    safe side).
    """
    found = [np.isfinite(s.first_s) for s in (a, b)]
    table = [[int(f.sum()), int((~f).sum())] for f in found]
    out = {"found": float(stats.fisher_exact(table)[1])}
    out["records"] = _counts(a.records, b.records)
    if min(f.sum() for f in found) < 20:
        return out
    out["first"] = float(stats.ks_2samp(a.first_s[found[0]], b.first_s[found[1]]).pvalue)
    for name in ("rssi", "strongest"):
        out[name] = float(stats.ks_2samp(getattr(a, name), getattr(b, name)).pvalue)
    return out


def _counts(x: np.ndarray, y: np.ndarray) -> float:
    top = int(max(x.max(), y.max())) + 1
    both = np.stack([np.bincount(x, minlength=top), np.bincount(y, minlength=top)])
    joined: list[np.ndarray] = []
    for column in both.T:  # neighbours are joined until each expects five
        if joined and min(joined[-1].sum() * both[i].sum() / both.sum() for i in (0, 1)) < 5:
            joined[-1] = joined[-1] + column
        else:
            joined.append(column)
    if len(joined) > 1 and min(joined[-1].sum() * both[i].sum() / both.sum() for i in (0, 1)) < 5:
        last = joined.pop()  # first: it moves what [-1] is
        joined[-1] = joined[-1] + last
    if len(joined) < 2:
        return 1.0
    return float(stats.chi2_contingency(np.stack(joined).T)[1])
