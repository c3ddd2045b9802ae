"""What the lanes of the vectorised radio read, made once for a scenario's radio and phones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import norm

from .. import rng
from .lane_columns import BY_READ, IN_PACKET, KIND_COLUMNS, KINDS, MOST_PACKETS, NOT_HEARD, LanePlan
from .link_budget import (
    BACKGROUND,
    FOREGROUND,
    IDENTIFIER,
    App,
    LinkBudget,
    Phones,
    Streams,
    faintest_dbm,
)
from .sessions import Sessions

_Z_STEP = 1 / 64
TAIL_Z = np.arange(-6, 6 + _Z_STEP / 2, _Z_STEP)
#: Chance that a standard normal exceeds z, then its mean, its standard deviation and its third central
#: moment given that it does, z in [-6, 6].
TAIL: NDArray[np.float64] = norm.sf(TAIL_Z)
TAIL_MEAN: NDArray[np.float64] = norm.pdf(TAIL_Z) / norm.sf(TAIL_Z)
TAIL_SD: NDArray[np.float64] = np.sqrt(1 + TAIL_Z * TAIL_MEAN - TAIL_MEAN**2)
TAIL_THIRD: NDArray[np.float64] = TAIL_MEAN * (
    2 * TAIL_MEAN**2 - 3 * TAIL_Z * TAIL_MEAN + TAIL_Z**2 - 1
)

_N = np.arange(2, MOST_PACKETS + 1)
_UPPER = ndtri((_N - 0.375) / (_N + 0.25))
#: Expected maximum of n standard normals (Blom 1958) and its standard deviation (David and Nagaraja 2003,
#: first order), n up to 1023.
EXPECTED_MAX: NDArray[np.float64] = np.concatenate(([0.0, 0.0], _UPPER))
MAX_SD: NDArray[np.float64] = np.concatenate(
    ([0.0, 0.0], np.sqrt(_N / (_N + 1.0) ** 2 / (_N + 2.0)) / norm.pdf(ndtri(_N / (_N + 1.0))))
)
#: Spread of the mean of n: 1 / sqrt(n).
ROOT: NDArray[np.float64] = 1 / np.sqrt(np.maximum(np.arange(MOST_PACKETS + 1), 1))


def plan_of(
    air: LinkBudget, app: App, sessions: Sessions, phones: Phones, streams: Streams
) -> LanePlan:
    """The plan of some phones."""
    kinds = _kinds(app)
    there = [k for k in (0, 1) if np.any(phones.ios == bool(k))]
    pairs = [(p, q) for p in there for q in there]
    by_pair = kinds.T.reshape(2, 2, 2, 2, KIND_COLUMNS)
    margin_sd = float(np.hypot(air.fading_sd_db, air.sensitivity_sd_db))
    scale = 1 / _Z_STEP / margin_sd
    f = np.float32
    steps = 10 * np.log10(2)
    turn = np.cos(2 * np.pi * (np.arange(4096) + 0.5) / 4096)
    return LanePlan(
        sends=_rows(phones.tx_power_dbm, streams.advertise_phase, app.advertise_period_ms, phones),
        hears=_rows(phones.rx_correction_db, streams.scan_phase, app.scan_period_ms, phones),
        advertise_on_ms=app.advertise_on_ms.astype(np.int32),
        advertise_period_ms=app.advertise_period_ms.astype(np.int32),
        scan_on_ms=app.scan_on_ms.astype(np.int32),
        scan_period_ms=app.scan_period_ms.astype(np.int32),
        scan_jitter_ms=app.scan_jitter_ms.astype(np.int32),
        parts=(app.scan_on_ms // (app.identifier_ms - app.life_jitter_ms) + 2).astype(np.int32),
        sessions=sessions,
        kinds=kinds,
        tail=_tail(air, margin_sd),
        normal=rng.NORMAL_TABLE.astype(f),
        cosine=turn.astype(f),
        of_packets=np.stack((ROOT, MAX_SD, EXPECTED_MAX, np.zeros_like(ROOT)), axis=1).astype(f),
        attenuation_1m_db=f(air.attenuation_1m_db),
        near_db=f(air.exponent * steps),
        far_db=f(air.exponent_far * steps),
        breakpoint_m=f(air.breakpoint_m),
        scene_sd_db=f(air.scene_sd_db),
        shadowing_sd_db=f(air.shadowing_sd_db),
        half_body_db=f(air.body_db / 2),
        scan_sd_db=f(air.scan_sd_db),
        tail_scale=f(scale),
        tail_offset=f(len(TAIL_Z) // 2 + 0.5 - air.sensitivity_dbm * scale),
        faintest_dbm=f(faintest_dbm(air)),
        least_dbm=f(
            air.sensitivity_dbm
            + TAIL_Z[0] * margin_sd
            - air.scan_sd_db * rng.NORMAL_TABLE[-1]
            - app.tx_offset_db.max()
        ),
        carry_db=air.carry_db.astype(f),
        carries=np.bool_(len(air.carry_db) > 0),
        identifier_ms=np.int64(app.identifier_ms),
        life_jitter_ms=np.int32(app.life_jitter_ms),
        ever=np.int32(
            sum(1 << (2 * p + q) for p, q in pairs if np.any(by_pair[p, :, q, :, -1] != NOT_HEARD))
        ),
        mixed=np.bool_(any(np.any(by_pair[p, :, q, :] != kinds[:, 0]) for p, q in pairs)),
        pauses=np.bool_(any(app.advertise_on_ms[k] != app.advertise_period_ms[k] for k in there)),
        heard=np.int32(sum(1 << k for k in range(KINDS) if kinds[-1, k] != NOT_HEARD)),
        scene=streams.scene,
        shadowing=streams.shadowing,
        carry=streams.carry,
        fading=streams.fading,
        scan_jitter=streams.scan_jitter,
        identifier_life=streams.identifier_life,
    )


def _rows(
    level: NDArray[np.float64], stream: np.uint64, period_ms: NDArray[np.int64], phones: Phones
) -> NDArray[np.int64]:
    """``int64[people]``: :attr:`LanePlan.sends` or :attr:`LanePlan.hears`."""
    ios = phones.ios.astype(np.int64)
    u = rng.uniforms(int(stream), np.arange(len(ios)))
    phase = (u * period_ms[ios]).astype(np.int64)
    low = np.asarray(level, np.float32).view(np.uint32)
    return np.asarray(((phase * 2 + ios) << 32) | low.astype(np.int64))


def _kinds(app: App) -> NDArray[np.float32]:
    shape = (2, 3, 2, 3)
    heard = (app.hears[:, :, None, None] >> app.form[None, None]) & 1
    how = np.where(app.form == IDENTIFIER, IN_PACKET, BY_READ)[None, None]
    columns = (
        app.rate,
        1 / app.rate,
        app.tx_offset_db[None, None],
        app.listens[:, :, None, None],
        app.window_ms[:, :, None, None],
        1 / app.window_ms[:, :, None, None],
        (app.window_ms / app.listens)[:, :, None, None],
        np.where(heard == 1, how, NOT_HEARD),
    )
    table = np.stack([np.broadcast_to(c, shape) for c in columns])
    told_apart = table[:, :, (FOREGROUND, BACKGROUND)][..., (FOREGROUND, BACKGROUND)]
    return np.ascontiguousarray(told_apart.reshape(KIND_COLUMNS, KINDS), dtype=np.float32)


def _tail(air: LinkBudget, margin_sd: float) -> NDArray[np.float32]:
    """By margin, from what is never heard to what always is."""
    part = air.fading_sd_db / margin_sd
    sd = np.sqrt(1 - part**2 * (1 - TAIL_SD**2))
    columns = (
        air.heard_share * TAIL,
        air.fading_sd_db * part * TAIL_MEAN,
        air.fading_sd_db * sd,
        part**3 * TAIL_THIRD / sd**3 / 6,
    )
    return np.ascontiguousarray(np.stack(columns, axis=1)[::-1], dtype=np.float32)
