"""The radio fitted on measured scenes, by what was heard and by what was not.

A sample below the sensitivity never arrives, so the samples that arrive are stronger than those that were
sent, the more so the farther the phones are apart. A scan of one phone by another is therefore taken as a
whole: how many packets it heard of those that were sent while it lasted, and their RSSI; and scans that
heard nothing, which no file lists, by conditioning on at least one packet. With ``pair``, ``scan`` and
``fading`` independent normal deviations, dB::

    m      = TX - A(d) - RX - receiver[model] + pair + scan
    RSSI   = m + fading                                   per packet
    heard  : capture * Phi((RSSI - sensitivity) / softness)

``pair`` is who carries which phone where, towards whom; ``scan`` is how they sit or stand in one scan;
``receiver`` is what the calibration table leaves of a model. A(d) is the simulator's: A(1 m) + 10 n log10
d, and beyond the breakpoint the far exponent. The fit is of maximum likelihood; ``pair`` and ``scan`` are
integrated out by Gauss-Hermite sums around their posteriors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_ndtr, logsumexp, ndtr

from ...errors import InputError

#: Exposure Notification scans for 4 s, in which a phone that advertises each 270 ms sends 15 packets.
SCAN_MS = 4_000
PACKETS_PER_SCAN = 15
#: A silence of a receiver longer than this ends a scan; the pauses are of two minutes and more.
_PAUSE_MS = 30_000
#: RSSI that a prediction spreads over, dBm.
GRID_DBM = np.arange(-127, 21)
#: Closer than this the law of distance is not followed, metres.
NEAREST_M = 0.1
#: Spread of RSSI corrections over models (en-calibration): how far a model may be from its table.
RECEIVER_SD_DB = 3.2
#: Scans and pairs from which the parameters can be told.
_FEWEST_SCANS, _FEWEST_PAIRS = 50, 10

_PAIR_NODES, _PAIR_WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
_SCAN_NODES, _SCAN_WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
_SCAN_WEIGHTS = _SCAN_WEIGHTS / _SCAN_WEIGHTS.sum()
#: Means over which the scan's integrals are tabulated, dBm.
_STEP = 0.5
_MEANS = np.arange(-160.0, 0.0, _STEP)


@dataclass(frozen=True)
class Scene:
    """What some phones heard of each other, with true distances; one row a packet.

    Attributes:
        name: of the scene.
        receiver, transmitter: ``int32[n]``.
        receiver_model: ``str[n]``.
        time_ms: ``int64[n]``, unix milliseconds.
        rssi_dbm: ``int16[n]``.
        distance_m: ``float64[n]``, NaN where it is not known.
        tx_power_dbm, rx_correction_db: ``float64[n]``, calibration of the row's two phones.
    """

    name: str
    receiver: NDArray[np.int32]
    transmitter: NDArray[np.int32]
    receiver_model: NDArray[np.str_]
    time_ms: NDArray[np.int64]
    rssi_dbm: NDArray[np.int16]
    distance_m: NDArray[np.float64]
    tx_power_dbm: NDArray[np.float64]
    rx_correction_db: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.time_ms)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Scene:
        """Rows by index or mask."""
        names = [n for n in self.__dataclass_fields__ if n != "name"]
        return replace(self, **{n: getattr(self, n)[rows] for n in names})

    @property
    def pair(self) -> NDArray[np.int64]:
        """``int64[n]``: a number for each ordered pair."""
        return self.receiver.astype(np.int64) << 32 | self.transmitter

    @property
    def attenuation_db(self) -> NDArray[np.float64]:
        """TX power - (RSSI + RX correction), ``float64[n]``."""
        return self.tx_power_dbm - (self.rssi_dbm + self.rx_correction_db)


@dataclass(frozen=True)
class RadioFit:
    """Parameters of the model at the head of this module.

    Attributes:
        attenuation_1m_db, exponent, breakpoint_m, exponent_far: A(d).
        pair_sd_db, scan_sd_db, fading_sd_db: the deviations.
        sensitivity_dbm: RSSI at which half of what can be captured is heard.
        softness_db: how gradual that is.
        capture: share of packets that a scan hears of a phone close by.
        receiver_db: further RX correction by model; 0 for a model that is not in it.
    """

    attenuation_1m_db: float
    exponent: float
    breakpoint_m: float
    exponent_far: float
    pair_sd_db: float
    scan_sd_db: float
    fading_sd_db: float
    sensitivity_dbm: float
    softness_db: float
    capture: float
    receiver_db: Mapping[str, float] = field(default_factory=dict)

    def attenuation(self, distance_m: NDArray[np.floating]) -> NDArray[np.float64]:
        """A(d), dB."""
        d = np.maximum(np.asarray(distance_m, np.float64), NEAREST_M)
        near = 10 * np.log10(np.minimum(d, self.breakpoint_m))
        far = 10 * np.log10(np.maximum(d / self.breakpoint_m, 1.0))
        return np.asarray(self.attenuation_1m_db + self.exponent * near + self.exponent_far * far)

    def predict(self, scene: Scene) -> NDArray[np.float64]:
        """``float64[n, len(GRID_DBM)]``: distribution of RSSI of each row, given that it was heard.

        Made from who, where and how far apart; the rows' own RSSI is not looked at.
        """
        models, at = np.unique(scene.receiver_model, return_inverse=True)
        receiver = np.array([self.receiver_db.get(str(m), 0.0) for m in models])[at]
        mean = scene.tx_power_dbm - scene.rx_correction_db - receiver
        mean = mean - self.attenuation(scene.distance_m)
        variance = self.pair_sd_db**2 + self.scan_sd_db**2 + self.fading_sd_db**2
        weight = np.exp(-((GRID_DBM - mean[:, None]) ** 2) / (2 * variance))
        # The floor keeps a row that ought not to be heard at all from having no distribution.
        weight = weight * ndtr((GRID_DBM - self.sensitivity_dbm) / self.softness_db) + 1e-300
        return np.asarray(weight / weight.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Scans:
    """Scans of one phone by another at a known distance, sorted by pair: what their packets tell.

    Attributes:
        first: ``int64[pairs]``, first scan of each pair.
        distance_m: ``float64[n]``, mean of the scan's.
        offset_dbm: ``float64[n]``, TX power less RX correction.
        model: ``int64[n]``, index into ``models``.
        models: receivers' models.
        packets: ``float64[n]``, packets heard.
        mean_dbm, squares: ``float64[n]``, their mean RSSI, and the sum of squares about it.
        histogram: ``float64[len(GRID_DBM)]``, all their RSSI.
        most: packets that a scan can hear.
    """

    first: NDArray[np.int64]
    distance_m: NDArray[np.float64]
    offset_dbm: NDArray[np.float64]
    model: NDArray[np.int64]
    models: tuple[str, ...]
    packets: NDArray[np.float64]
    mean_dbm: NDArray[np.float64]
    squares: NDArray[np.float64]
    histogram: NDArray[np.float64]
    most: int

    def __len__(self) -> int:
        return len(self.packets)


def scans_of(scenes: Sequence[Scene]) -> Scans:
    """Groups the packets of some scenes; a pair of another scene is another pair."""
    columns: list[list[NDArray[Any]]] = []
    models: list[NDArray[np.str_]] = []
    pairs: list[NDArray[np.int64]] = []
    histogram, n_pairs = np.zeros(len(GRID_DBM)), 0
    for scene in scenes:
        if not np.any(~np.isnan(scene.distance_m)):
            continue
        scan = _scan_numbers(scene)
        packets = np.bincount(scan).astype(np.float64)
        rssi = scene.rssi_dbm.astype(np.float64)
        known = np.bincount(scan, ~np.isnan(scene.distance_m))
        mean_rssi = np.bincount(scan, rssi) / packets
        row = np.zeros(len(packets), np.int64)
        row[scan] = np.arange(len(scene))  # any row of the scan
        _, pair = np.unique(scene.pair, return_inverse=True)
        keep = known > 0
        d = np.bincount(scan, np.nan_to_num(scene.distance_m))[keep] / known[keep]
        offset = (scene.tx_power_dbm - scene.rx_correction_db)[row]
        about = np.bincount(scan, (rssi - mean_rssi[scan]) ** 2)
        columns.append([d, offset[keep], packets[keep], mean_rssi[keep], about[keep]])
        models.append(scene.receiver_model[row][keep])
        pairs.append(pair[row][keep] + n_pairs)
        n_pairs += int(pair.max(initial=0)) + 1
        at = np.clip(scene.rssi_dbm[keep[scan]] - GRID_DBM[0], 0, len(GRID_DBM) - 1)
        histogram += np.bincount(at, minlength=len(GRID_DBM))
    if not columns:
        raise InputError(f"{', '.join(s.name for s in scenes)}: no distance is known")
    pair = np.concatenate(pairs)
    order = np.argsort(pair, kind="stable")
    distance, offset, packets, mean, squares = (
        np.concatenate([c[k] for c in columns])[order].astype(np.float64) for k in range(5)
    )
    names, model = np.unique(np.concatenate(models)[order], return_inverse=True)
    return Scans(
        first=np.flatnonzero(np.diff(pair[order], prepend=-1)),
        distance_m=distance,
        offset_dbm=offset,
        model=model,
        models=tuple(map(str, names)),
        packets=packets,
        mean_dbm=mean,
        squares=squares,
        histogram=histogram,
        most=max(PACKETS_PER_SCAN, int(packets.max())),
    )


def _scan_numbers(scene: Scene) -> NDArray[np.int64]:
    """``int64[n]``: number of the scan, of one phone by one, to which each packet belongs."""
    order = np.lexsort((scene.time_ms, scene.receiver))
    who, time = scene.receiver[order], scene.time_ms[order]
    new = (np.diff(who, prepend=who[0] - 1) != 0) | (np.diff(time, prepend=time[0]) > _PAUSE_MS)
    burst = np.cumsum(new) - 1
    # A receiver that does not pause is cut into scans of the usual length.
    part = (time - time[np.flatnonzero(new)][burst]) // (SCAN_MS * 5 // 4)
    key = np.stack([burst, part, scene.transmitter[order]])
    scan = np.empty(len(order), np.int64)
    scan[order] = np.unique(key, axis=1, return_inverse=True)[1].ravel()
    return scan


def log_likelihood(fit: RadioFit, scans: Scans) -> tuple[float, NDArray[np.float64]]:
    """Of the packets, given that each scan heard at least one, up to a constant; and its derivative by
    each scan's mean RSSI, ``float64[n]``."""
    n, fade, per_scan = scans.packets, fit.fading_sd_db, fit.scan_sd_db
    receiver = np.array([fit.receiver_db.get(m, 0.0) for m in scans.models])[scans.model]
    mean = scans.offset_dbm - receiver - fit.attenuation(scans.distance_m)
    # Nodes for each pair's deviation, around its posterior where nothing is missed.
    about = per_scan**2 + fade**2 / n
    pull = np.add.reduceat((scans.mean_dbm - mean) / about, scans.first)
    sd = 1 / np.sqrt(1 / fit.pair_sd_db**2 + np.add.reduceat(1 / about, scans.first))
    pair = (sd**2 * pull)[:, None] + sd[:, None] * _PAIR_NODES
    count = np.diff(np.append(scans.first, len(scans)))
    at = mean[:, None] + np.repeat(pair, count, axis=0)
    # The scan's packets about their mean, and the mean about the pair's.
    off = (scans.mean_dbm[:, None] - at) / about[:, None]
    total = -0.5 * (np.log(about)[:, None] + off**2 * about[:, None])
    # That the others were missed, with the scan's mean as its packets tell it.
    missed, none = _tables(fit, scans.most)
    value, slope_missed = _interpolate(missed, at + per_scan**2 * off, n.astype(np.int64)[:, None])
    total += value
    # Given that it heard anything.
    value, slope_none = _interpolate(none, at, np.zeros((len(scans), 1), np.int64))
    total -= value
    by_pair = np.add.reduceat(total, scans.first, axis=0)
    by_pair += 0.5 * _PAIR_NODES**2 - 0.5 * (pair / fit.pair_sd_db) ** 2 + np.log(_PAIR_WEIGHTS)
    out = logsumexp(by_pair, axis=1)
    posterior = np.repeat(np.exp(by_pair - out[:, None]), count, axis=0)
    shrink = (1 - per_scan**2 / about)[:, None]
    slope = np.sum(posterior * (off + slope_missed * shrink - slope_none), axis=1)
    out += np.log(sd / fit.pair_sd_db)
    own = -(n - 1) * np.log(fade) - scans.squares / (2 * fade**2) + n * np.log(fit.capture)
    heard = log_ndtr((GRID_DBM - fit.sensitivity_dbm) / fit.softness_db)
    return float(out.sum() + own.sum() + scans.histogram @ heard), slope


def _tables(fit: RadioFit, most: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Over :data:`_MEANS`: log of the chance to miss the rest, by packets heard; to hear anything."""
    wide = np.hypot(fit.fading_sd_db, fit.softness_db)

    def log_miss(rssi: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.log1p(-fit.capture * ndtr((rssi - fit.sensitivity_dbm) / wide)))

    heard = np.arange(most + 1)
    spread = 1 / np.sqrt(1 / fit.scan_sd_db**2 + heard / fit.fading_sd_db**2)
    at = _MEANS[:, None] + spread[:, None, None] * _SCAN_NODES
    missed = np.log(np.exp((most - heard)[:, None, None] * log_miss(at)) @ _SCAN_WEIGHTS)
    anything = -np.expm1(most * log_miss(at[0])) @ _SCAN_WEIGHTS
    return missed, np.log(np.maximum(anything, 1e-300))[None]


def _interpolate(
    table: NDArray[np.float64], at: NDArray[np.float64], row: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Linear, in rows of a table over :data:`_MEANS`; values and slopes."""
    place = np.clip((at - _MEANS[0]) / _STEP, 0, len(_MEANS) - 1.001)
    left = place.astype(np.int64)
    flat, index = table.ravel(), row * len(_MEANS) + left
    step = flat[index + 1] - flat[index]
    return flat[index] + (place - left) * step, step / _STEP


#: The fit of DP-3T's exp34 (lunch, train and office together), 30 July 2020; breakpoint and far exponent,
#: which those scenes do not tell, are the simulator's. It is where a search begins.
EXP34 = RadioFit(
    attenuation_1m_db=56.2,
    exponent=1.66,
    breakpoint_m=8.0,
    exponent_far=3.3,
    pair_sd_db=5.2,
    scan_sd_db=5.2,
    fading_sd_db=4.0,
    sensitivity_dbm=-94.6,
    softness_db=4.2,
    capture=0.54,
    receiver_db={
        "SM-A405FN": 1.0,
        "SM-A515F": 0.6,
        "SM-A908B": 4.4,
        "SM-G970F": -2.4,
        "SM-G973F": -0.6,
        "SM-G981B": -2.7,
    },
)
#: Bounds, and steps of about a standard error in the fit of exp34, of A(1 m), the exponent, the
#: logarithms of the three deviations, the sensitivity, the logarithm of its softness, the capture.
_BOUNDS = ((20, 100), (0, 6), (0, 3), (0, 3), (0, 3), (-115, -60), (-1, 3), (0.05, 0.99))
_SCALE = np.array([0.7, 0.15, 0.06, 0.02, 0.01, 0.3, 0.05, 0.01])
_RECEIVER_SCALE = 0.8
#: Parameters before the receivers'; the first two and the receivers have their derivative in closed form.
_N, _STEPPED = 8, range(2, 8)
_DIFFERENCE = 1e-3


def fit_radio(scenes: Sequence[Scene], start: RadioFit = EXP34) -> RadioFit:
    """Maximum likelihood over some scenes, with a normal prior on each model's further correction.

    Raises:
        InputError: too few scans or pairs at a known distance.
    """
    scans = scans_of(scenes)
    if len(scans) < _FEWEST_SCANS or len(scans.first) < _FEWEST_PAIRS:
        raise InputError(
            f"{', '.join(s.name for s in scenes)}: {len(scans)} scans by {len(scans.first)} pairs at a "
            f"known distance; a fit needs {_FEWEST_SCANS} scans and {_FEWEST_PAIRS} pairs"
        )
    scale = np.append(_SCALE, np.full(len(scans.models), _RECEIVER_SCALE))
    path = np.log10(np.clip(scans.distance_m, NEAREST_M, start.breakpoint_m))

    def loss(z: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        x = z * scale
        value, slope = log_likelihood(_build(x, scans.models, start), scans)
        out = np.empty(len(x))
        out[0], out[1] = -slope.sum(), -10 * slope @ path
        out[_N:] = -np.bincount(scans.model, slope, len(scans.models)) - x[_N:] / RECEIVER_SD_DB**2
        for k in _STEPPED:
            near = x.copy()
            near[k] += _DIFFERENCE * scale[k]
            stepped = log_likelihood(_build(near, scans.models, start), scans)[0]
            out[k] = (stepped - value) / (_DIFFERENCE * scale[k])
        prior = 0.5 * float(np.sum((x[_N:] / RECEIVER_SD_DB) ** 2))
        return (prior - value) / len(scans), -out * scale / len(scans)

    bounds = [*_BOUNDS, *[(-20, 20)] * len(scans.models)]
    found = minimize(
        loss,
        _parameters(start, scans.models) / scale,
        jac=True,
        method="L-BFGS-B",
        bounds=[(low / s, high / s) for (low, high), s in zip(bounds, scale, strict=True)],
    )
    return _build(found.x * scale, scans.models, start)


def _parameters(fit: RadioFit, models: Sequence[str]) -> NDArray[np.float64]:
    return np.array(
        [
            fit.attenuation_1m_db,
            fit.exponent,
            *np.log([fit.pair_sd_db, fit.scan_sd_db, fit.fading_sd_db]),
            fit.sensitivity_dbm,
            np.log(fit.softness_db),
            fit.capture,
            *(fit.receiver_db.get(m, 0.0) for m in models),
        ]
    )


def _build(x: NDArray[np.float64], models: Sequence[str], start: RadioFit) -> RadioFit:
    return replace(
        start,
        attenuation_1m_db=float(x[0]),
        exponent=float(x[1]),
        pair_sd_db=float(np.exp(x[2])),
        scan_sd_db=float(np.exp(x[3])),
        fading_sd_db=float(np.exp(x[4])),
        sensitivity_dbm=float(x[5]),
        softness_db=float(np.exp(x[6])),
        capture=float(x[7]),
        receiver_db=dict(zip(models, x[_N:].tolist(), strict=True)),
    )
