"""The app's own rows, one each few seconds, expanded from records when asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import TableError
from ..kernels import rng
from ..kernels.radio import link_budget as air
from ..kernels.radio.lane_plan import TAIL_MEAN, TAIL_SD, TAIL_Z
from ..tables.rows import Sightings
from .parameters import RadioModel


def expand_rows(model: RadioModel, sightings: Sightings) -> Sightings:
    """What the app writes into a phone's history: at most one row each ``identifier.row_s`` of a profile.

    A record's packets follow each other at the sender's spacing while its bursts last; a row is the
    first of them after each row's pause, with a packet's own RSSI about the record's mean. A record of
    one packet, and every record of a profile without such a pause, stays one row.

    Args:
        model: the radio that made the records.
        sightings: records with ``packets`` and ``true_sender``.

    Returns:
        Rows, those of a record together and in order of time; ``packets`` is 1.

    Raises:
        TableError: the sightings are rows already.
    """
    if sightings.packets is None or sightings.true_sender is None:
        raise TableError("sightings: expected records with packets and true_sender")
    pause_ms = round(model.profile.identifier.row_s * 1000)
    if not pause_ms:
        return sightings
    app, sender = model.app, sightings.true_sender
    theirs = model.phones.ios[sender].astype(np.int64)
    mine = model.phones.ios[sightings.observer].astype(np.int64)
    state = np.where(app.stateful, air.BACKGROUND, air.FOREGROUND)
    rate = app.rate[mine, state[mine], theirs, state[theirs]]
    on, period = app.advertise_on_ms[theirs], app.advertise_period_ms[theirs]
    phase = np.array(
        [
            air.advertise_phase_ms(app, model.streams, int(p), int(who))
            for who, p in zip(*_distinct(sender, theirs), strict=True)
        ],
        dtype=np.int64,
    )[np.unique(sender, return_inverse=True)[1]]
    # Time on the air between the first packet and the last.
    on_air_ms = (sightings.packets - 1) / rate
    cycle, into = np.divmod(sightings.time_ms - phase, period)
    # A read may be done when the burst is over: the next one goes on.
    begun = np.minimum(into, on)
    first = (phase + cycle * period).astype(np.int64)
    interval = sightings.time_ms // app.identifier_ms
    rows, times = [np.arange(len(sightings))], [sightings.time_ms]
    at, lasts = sightings.time_ms, sightings.packets > 1
    while lasts.any():
        # The next packet a pause after the last row, or as the next burst starts.
        next_ms: NDArray[np.int64] = at + pause_ms - first
        off = next_ms % period >= on
        next_ms = np.where(off, (next_ms // period + 1) * period, next_ms)
        at = first + next_ms
        # A record ends with its identifier.
        lasts = lasts & (_on_time(next_ms, on, period) - begun <= on_air_ms)
        lasts = lasts & (at // app.identifier_ms == interval)
        rows.append(np.flatnonzero(lasts))
        times.append(at[lasts])
    row, when = np.concatenate(rows), np.concatenate(times)
    order = np.lexsort((when, row))
    row, when = row[order], when[order]
    return _rows(model, sightings, row, when)


def _distinct(
    sender: NDArray[np.int32], platform: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    who, first = np.unique(sender, return_index=True)
    return who, platform[first]


def _on_time(
    x: NDArray[np.int64], on: NDArray[np.int64], period: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Time on the air in [0, x) of a cycle that starts at 0."""
    return np.asarray(x // period * on + np.minimum(x % period, on))


def _spread_db(a: air.LinkBudget, mean_dbm: NDArray[np.float64]) -> NDArray[np.float64]:
    """``float64[n]``: spread of packets that arrive, about their mean: the weaker, the more it is cut."""
    margin_sd = np.hypot(a.fading_sd_db, a.sensitivity_sd_db)
    part = a.fading_sd_db / margin_sd
    sent = a.sensitivity_dbm - margin_sd * TAIL_Z
    mean = sent + a.fading_sd_db * part * TAIL_MEAN
    spread = a.fading_sd_db * np.sqrt(1 - part**2 * (1 - TAIL_SD**2))
    return np.asarray(np.interp(mean_dbm, mean[::-1], spread[::-1]))


def _rows(
    model: RadioModel, sightings: Sightings, row: NDArray[np.int64], when: NDArray[np.int64]
) -> Sightings:
    out = sightings.take(row)
    # A packet's own level; the record's mean is known to be theirs.
    z = rng.normals(int(model.streams.fading), when ^ (out.observer.astype(np.int64) << 42))
    many = np.asarray(sightings.packets)[row] > 1
    spread = _spread_db(model.air, out.rssi_dbm.astype(np.float64))
    level = out.rssi_dbm + np.where(many, spread * z, 0.0)
    level = np.maximum(np.floor(level + 0.5), np.ceil(air.faintest_dbm(model.air)))
    rssi = level.astype(np.int16)
    return Sightings(
        observer=out.observer,
        time_ms=when,
        identifier=out.identifier,
        rssi_dbm=rssi,
        protocol=out.protocol,
        payload=out.payload,
        transport=out.transport,
        rssi_max_dbm=rssi,
        packets=np.ones(len(when), np.int32),
        own_identifier=out.own_identifier,
        address=out.address,
        true_sender=out.true_sender,
        distance_m=out.distance_m,
    )
