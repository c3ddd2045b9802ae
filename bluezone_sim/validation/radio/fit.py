"""The radio fitted on measured scenes, by what was heard and by what was not.

A sample below the sensitivity never arrives, so the samples that arrive are stronger than those that were
sent, the more so the farther the phones are apart. A scan of one phone by another is therefore taken as a
whole: how many packets it heard of those that were sent while it lasted, and their RSSI; and scans that
heard nothing, which no file lists, by conditioning on at least one packet. With ``scene``, ``pair``,
``scan`` and ``fading`` independent normal deviations, dB::

    m      = TX - A(d) - RX - receiver[model] + scene + pair + scan
    RSSI   = m + fading                                   per packet
    heard  : capture * Phi((RSSI - sensitivity) / softness)

``scene`` is the place and what all who are in it have in common; ``pair`` is who carries which phone
where, towards whom; ``scan`` is how they sit or stand in one scan; ``receiver`` is what the calibration
table leaves of a model. A(d) is the simulator's: A(1 m) + 10 n log10 d, and beyond the breakpoint the far
exponent. The fit is of maximum likelihood, with a level for each scene, so that what differs by scene is
in none of the other deviations; ``pair`` and ``scan`` are integrated out by Gauss-Hermite sums around
their posteriors. The spread of the levels over scenes, and A(1 m), are :mod:`.levels`'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_ndtr, logsumexp, ndtr

from ...errors import InputError
from ...scenario.schema.radio import LEVEL_ERROR_DB
from .levels import Levels, levels_of
from .scans import GRID_DBM, Scans, Scene, scans_of

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
class RadioFit:
    """Parameters of the model at the head of this module.

    Attributes:
        attenuation_1m_db, exponent, breakpoint_m, exponent_far: A(d).
        scene_sd_db, pair_sd_db, scan_sd_db, fading_sd_db: the deviations.
        sensitivity_dbm: RSSI at which half of what can be captured is heard.
        softness_db: how gradual that is.
        capture: share of packets that a scan hears of a phone close by.
        receiver_db: further RX correction by model; 0 for a model that is not in it.
        level_error_db: how far the fit's scenes as a whole may be from all scenes, standard error.
        scene_db: deviation of scenes whose level is known.
        levels: how the scenes of the fit differ; None where it was not fitted here.
    """

    attenuation_1m_db: float
    exponent: float
    breakpoint_m: float
    exponent_far: float
    scene_sd_db: float
    pair_sd_db: float
    scan_sd_db: float
    fading_sd_db: float
    sensitivity_dbm: float
    softness_db: float
    capture: float
    receiver_db: Mapping[str, float] = field(default_factory=dict)
    level_error_db: float = 0.0
    scene_db: Mapping[str, float] = field(default_factory=dict)
    levels: Levels | None = None

    @property
    def level_sd_db(self) -> float:
        """Standard deviation of the level of a scene that is not in the fit."""
        return float(np.hypot(self.scene_sd_db, self.level_error_db))

    def at_level(self, scene: Scene, level_db: float) -> RadioFit:
        """The same where a scene's deviation is known."""
        return replace(self, scene_db={**self.scene_db, scene.name: level_db})

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
        if scene.name in self.scene_db:
            mean = mean + self.scene_db[scene.name]
        else:
            variance += self.level_sd_db**2
        weight = np.exp(-((GRID_DBM - mean[:, None]) ** 2) / (2 * variance))
        # The floor keeps a row that ought not to be heard at all from having no distribution.
        weight = weight * ndtr((GRID_DBM - self.sensitivity_dbm) / self.softness_db) + 1e-300
        return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def log_likelihood(fit: RadioFit, scans: Scans) -> tuple[float, NDArray[np.float64]]:
    """Of the packets, given that each scan heard at least one, up to a constant; and its derivative by
    each scan's mean RSSI, ``float64[n]``."""
    n, fade, per_scan = scans.packets, fit.fading_sd_db, fit.scan_sd_db
    receiver = np.array([fit.receiver_db.get(m, 0.0) for m in scans.models])[scans.model]
    place = np.array([fit.scene_db.get(s, 0.0) for s in scans.scenes])[scans.scene]
    mean = scans.offset_dbm - receiver - fit.attenuation(scans.distance_m) + place
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


#: The fit of DP-3T's exp34 (lunch, train and office), 30 July 2020; breakpoint and far exponent, which
#: those scenes do not tell, are the simulator's. So is the spread of scenes: these three tell 0.8 dB,
#: from 0 to 6.4 dB; others of that campaign, of which no fit knows, spread by about 2 dB. It is where a
#: search begins.
EXP34 = RadioFit(
    attenuation_1m_db=56.0,
    exponent=1.71,
    breakpoint_m=8.0,
    exponent_far=3.3,
    scene_sd_db=2.0,
    pair_sd_db=5.2,
    scan_sd_db=5.2,
    fading_sd_db=4.0,
    sensitivity_dbm=-94.6,
    softness_db=4.2,
    capture=0.54,
    receiver_db={
        "SM-A405FN": 0.5,
        "SM-A515F": 0.6,
        "SM-A908B": 4.3,
        "SM-G970F": -2.5,
        "SM-G973F": -0.7,
        "SM-G981B": -2.7,
    },
    level_error_db=LEVEL_ERROR_DB,
)
#: Bounds, and steps of about a standard error in the fit of exp34, of the exponent, the logarithms of
#: the three deviations within a scene, the sensitivity, the logarithm of its softness, the capture; then
#: of each receiver, and of A(1 m) in each scene.
_BOUNDS = ((0, 6), (0, 3), (0, 3), (0, 3), (-115, -60), (-1, 3), (0.05, 0.99))
_SCALE = np.array([0.15, 0.06, 0.02, 0.01, 0.3, 0.05, 0.01])
_RECEIVER_BOUNDS, _RECEIVER_SCALE = (-20, 20), 0.8
_LEVEL_BOUNDS, _LEVEL_SCALE = (20, 100), 0.7
#: Parameters before the receivers'; the first, the receivers and the scenes have their derivative in
#: closed form.
_N, _STEPPED = 7, range(1, 7)
_DIFFERENCE = 1e-3


def fit_radio(scenes: Sequence[Scene], start: RadioFit = EXP34) -> RadioFit:
    """Maximum likelihood over some scenes, with a normal prior on each model's further correction.

    One scene tells nothing of how scenes differ: its fit keeps ``scene_sd_db`` of ``start``.

    Raises:
        InputError: too few scans or pairs at a known distance.
    """
    scans = scans_of(scenes)
    if len(scans) < _FEWEST_SCANS or len(scans.first) < _FEWEST_PAIRS:
        raise InputError(
            f"{', '.join(s.name for s in scenes)}: {len(scans)} scans by {len(scans.first)} pairs at a "
            f"known distance; a fit needs {_FEWEST_SCANS} scans and {_FEWEST_PAIRS} pairs"
        )
    problem = _Problem(scans, start)
    found = minimize(
        problem.loss, problem.start, jac=True, method="L-BFGS-B", bounds=problem.bounds
    )
    of_mean = problem.mean_scan()
    level_db = of_mean @ (found.x * problem.scale)
    covariance = of_mean @ problem.covariance(found.x) @ of_mean.T
    levels = levels_of(level_db, covariance, start.scene_sd_db)
    fit = problem.build(found.x)
    at_1m_db = found.x[-len(scans.scenes) :] * _LEVEL_SCALE
    return replace(
        fit,
        attenuation_1m_db=float(at_1m_db[0] + levels.mean_db - level_db[0]),
        scene_sd_db=levels.used_sd_db,
        level_error_db=levels.mean_error_db,
        scene_db=dict(zip(scans.scenes, (levels.mean_db - level_db).tolist(), strict=True)),
        levels=levels,
    )


class _Problem:
    """The likelihood of some scans over parameters in steps of about a standard error."""

    def __init__(self, scans: Scans, start: RadioFit):
        self.scans, self.base = scans, start
        n_models, n_scenes = len(scans.models), len(scans.scenes)
        self.scale = np.concatenate(
            [_SCALE, np.full(n_models, _RECEIVER_SCALE), np.full(n_scenes, _LEVEL_SCALE)]
        )
        self.receivers = slice(_N, _N + n_models)
        self.levels = slice(_N + n_models, _N + n_models + n_scenes)
        self.path = np.log10(np.clip(scans.distance_m, NEAREST_M, start.breakpoint_m))
        bounds = [*_BOUNDS, *[_RECEIVER_BOUNDS] * n_models, *[_LEVEL_BOUNDS] * n_scenes]
        self.bounds = [
            (low / s, high / s) for (low, high), s in zip(bounds, self.scale, strict=True)
        ]
        x = [
            start.exponent,
            *np.log([start.pair_sd_db, start.scan_sd_db, start.fading_sd_db]),
            start.sensitivity_dbm,
            np.log(start.softness_db),
            start.capture,
            *(start.receiver_db.get(m, 0.0) for m in scans.models),
            *(start.attenuation_1m_db - start.scene_db.get(s, 0.0) for s in scans.scenes),
        ]
        self.start = np.array(x) / self.scale

    def build(self, z: NDArray[np.float64]) -> RadioFit:
        """The fit, its scenes' levels all in ``scene_db``."""
        x = z * self.scale
        level = x[self.levels]
        return replace(
            self.base,
            exponent=float(x[0]),
            pair_sd_db=float(np.exp(x[1])),
            scan_sd_db=float(np.exp(x[2])),
            fading_sd_db=float(np.exp(x[3])),
            sensitivity_dbm=float(x[4]),
            softness_db=float(np.exp(x[5])),
            capture=float(x[6]),
            receiver_db=dict(zip(self.scans.models, x[self.receivers].tolist(), strict=True)),
            scene_db=dict(
                zip(self.scans.scenes, (self.base.attenuation_1m_db - level).tolist(), strict=True)
            ),
        )

    def loss(self, z: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Less the logarithm of the posterior, a scan; and its derivative."""
        x, scans, receivers = z * self.scale, self.scans, z[self.receivers] * _RECEIVER_SCALE
        value, slope = log_likelihood(self.build(z), scans)
        out = np.empty(len(x))
        out[0] = -10 * slope @ self.path
        out[self.receivers] = -np.bincount(scans.model, slope, len(scans.models))
        out[self.receivers] -= receivers / RECEIVER_SD_DB**2
        out[self.levels] = -np.bincount(scans.scene, slope, len(scans.scenes))
        for k in _STEPPED:
            near = z.copy()
            near[k] += _DIFFERENCE
            stepped = log_likelihood(self.build(near), scans)[0]
            out[k] = (stepped - value) / (_DIFFERENCE * self.scale[k])
        prior = 0.5 * float(np.sum((receivers / RECEIVER_SD_DB) ** 2))
        return (prior - value) / len(scans), -out * self.scale / len(scans)

    def mean_scan(self) -> NDArray[np.float64]:
        """``float64[scenes, parameters]``: what makes the attenuation of the mean scan in each scene.

        A(1 m) itself is known less well than this: it goes with the exponent and with all receivers.
        """
        out = np.zeros((len(self.scans.scenes), len(self.scale)))
        out[:, 0] = 10 * self.path.mean()
        out[:, self.receivers] = np.bincount(self.scans.model) / len(self.scans)
        out[:, self.levels] = np.eye(len(out))
        return out

    def covariance(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """``float64[parameters, parameters]``, in their own units."""
        step, slope = 0.1, self.loss(z)[1]
        rows = [(self.loss(z + step * e)[1] - slope) / step for e in np.eye(len(z))]
        information = len(self.scans) * (np.array(rows) + np.array(rows).T) / 2
        return np.asarray(np.linalg.inv(information) * np.outer(self.scale, self.scale))
