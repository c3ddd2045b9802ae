"""The radio beside measured scenes: each scene predicted by a fit on the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from ...errors import InputError
from ...scenario.schema.radio import Radio
from .fit import EXP34, RadioFit, fit_radio, log_likelihood
from .found import EDGES_M, NEAR_M, QUANTILES, THRESHOLDS_DB, Bin, SceneResult, Share, Validation
from .scans import GRID_DBM, Scene, scans_of

_CHUNK_ROWS = 20_000
#: A scene's level is looked for within this of the fit's, dB.
_MOST_DB = 40.0
#: 97.5 % of a normal.
_UPPER = 1.96
_BOOTSTRAPS = 1000
#: Attenuations over which predictions add up, dB; wide enough for any phones.
_BIN_DB = 0.5
_BINS_DB = np.arange(-60.0, 200.0, _BIN_DB)


def validate_radio(
    scenes: Sequence[Scene], unknown_models: Sequence[str] = (), n_left_out: int = 0
) -> Validation:
    """Predicts each scene by a fit on the others.

    A scene that has no others is predicted by the fit of exp34 that the package carries.

    Raises:
        InputError: no scene has a known distance, or the others are too small for a fit.
    """
    usable = [s for s in scenes if np.any(~np.isnan(s.distance_m))]
    if not usable:
        raise InputError(
            f"{', '.join(s.name for s in scenes) or 'no scene'}: no sample has a true distance"
        )
    whole = fit_radio(usable) if len(usable) > 1 else None
    results = []
    for scene in usable:
        others = [s for s in usable if s is not scene]
        names = tuple(s.name for s in others) or ("exp34, built in",)
        result = predicted(scene, fit_radio(others, whole or EXP34) if others else EXP34, names)
        by_default = tuple(s.predicted for s in predicted(scene, simulator(), ()).shares)
        results.append(replace(result, simulator=by_default))
    return Validation(tuple(results), whole, tuple(unknown_models), n_left_out)


def simulator() -> RadioFit:
    """A scenario's radio by default, as a fit."""
    radio = Radio()
    return RadioFit(
        attenuation_1m_db=radio.attenuation_1m_db,
        exponent=radio.exponent,
        breakpoint_m=radio.breakpoint_m,
        exponent_far=radio.exponent_far,
        scene_sd_db=radio.scene_sd_db,
        pair_sd_db=radio.shadowing_sd_db,
        scan_sd_db=radio.scan_sd_db,
        fading_sd_db=radio.fading_sd_db,
        sensitivity_dbm=radio.sensitivity_dbm,
        softness_db=radio.sensitivity_sd_db,
        capture=radio.heard_share,
    )


def predicted(scene: Scene, fit: RadioFit, fitted_on: tuple[str, ...]) -> SceneResult:
    """A scene beside a fit."""
    known = scene.take(~np.isnan(scene.distance_m))
    near = known.distance_m <= NEAR_M
    level_db = _level_db(scene, fit)
    bin_of = np.searchsorted(EDGES_M, known.distance_m, side="right") - 1
    # Rows of sums: one a range of distance, then near, then far.
    sums = np.zeros((len(EDGES_M) + 1, len(_BINS_DB)))
    at_most = np.zeros((len(known), len(THRESHOLDS_DB)))
    for rows, p, attenuation in _predictions(known, fit):
        at_most[rows] = _at_most(p, attenuation)
        place = np.clip(np.round((attenuation - _BINS_DB[0]) / _BIN_DB), 0, len(_BINS_DB) - 1)
        for row, mask in (
            *((k, bin_of[rows] == k) for k in range(len(EDGES_M) - 1)),
            (-2, near[rows]),
            (-1, ~near[rows]),
        ):
            sums[row] += np.bincount(
                place[mask].astype(np.int64).ravel(), p[mask].ravel(), len(_BINS_DB)
            )
    measured = known.attenuation_db
    percent = np.arange(1, 100) / 100
    return SceneResult(
        name=scene.name,
        fitted_on=fitted_on,
        n_samples=len(scene),
        n_with_distance=len(known),
        n_near=int(np.count_nonzero(near)),
        n_pairs=len(np.unique(known.pair[near])),
        level_db=level_db,
        level_sd_db=fit.level_sd_db,
        shares=_shares(
            known,
            near,
            at_most,
            [
                _near_shares(known, near, fit.at_level(scene, level))
                for level in (-_UPPER * fit.level_sd_db, _UPPER * fit.level_sd_db, level_db)
            ],
        ),
        bins=tuple(
            Bin(
                EDGES_M[k],
                EDGES_M[k + 1],
                int(np.count_nonzero(bin_of == k)),
                _quantiles(measured[bin_of == k], QUANTILES).tolist(),
                _quantiles_of_sums(sums[k], QUANTILES).tolist(),
            )
            for k in range(len(EDGES_M) - 1)
            if np.any(bin_of == k)
        ),
        qq={
            name: (_quantiles(measured[mask], percent), _quantiles_of_sums(sums[row], percent))
            for name, row, mask in (("near", -2, near), ("far", -1, ~near))
            if np.any(mask)
        },
    )


def _predictions(
    known: Scene, fit: RadioFit
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]]:
    """(rows, their distribution, the attenuations it is over), some thousand rows at a time."""
    for begin in range(0, len(known), _CHUNK_ROWS):
        rows = np.arange(begin, min(begin + _CHUNK_ROWS, len(known)))
        part = known.take(rows)
        offset = part.tx_power_dbm - part.rx_correction_db
        yield rows, fit.predict(part), offset[:, None] - GRID_DBM


def _level_db(scene: Scene, fit: RadioFit) -> float:
    """The deviation of a scene at which its samples are most likely, whatever the others say."""
    scans = scans_of([scene])
    found = minimize_scalar(
        lambda level: -log_likelihood(fit.at_level(scene, float(level)), scans)[0],
        bounds=(-_MOST_DB, _MOST_DB),
        method="bounded",
        options={"xatol": 0.01},
    )
    return float(found.x)


def _at_most(p: NDArray[np.float64], attenuation: NDArray[np.float64]) -> NDArray[np.float64]:
    """``float64[n, thresholds]``: chance of each row to be at or below each threshold."""
    return np.stack([np.sum(p * (attenuation <= t), axis=1) for t in THRESHOLDS_DB], axis=1)


def _near_shares(known: Scene, near: NDArray[np.bool_], fit: RadioFit) -> NDArray[np.float64]:
    """``float64[thresholds]``: shares of the near samples that a fit predicts."""
    some = known.take(near)
    rows = [_at_most(p, attenuation) for _, p, attenuation in _predictions(some, fit)]
    return np.asarray(np.concatenate(rows).mean(axis=0)) if rows else np.zeros(len(THRESHOLDS_DB))


def _shares(
    known: Scene,
    near: NDArray[np.bool_],
    at_most: NDArray[np.float64],
    by_level: Sequence[NDArray[np.float64]],
) -> tuple[Share, ...]:
    """``by_level``: near shares at the weakest and the strongest level, and at the scene's own."""
    if not np.any(near):
        return ()
    below = known.attenuation_db[:, None] <= np.array(THRESHOLDS_DB)
    _, pair = np.unique(known.pair[near], return_inverse=True)
    n = np.bincount(pair).astype(np.float64)
    # Any fixed seed: the interval has to be the same each time.
    weights = np.random.default_rng(1).multinomial(len(n), np.full(len(n), 1 / len(n)), _BOOTSTRAPS)
    out = []
    for k, threshold in enumerate(THRESHOLDS_DB):
        hits = np.bincount(pair, below[near, k])
        low, high = np.quantile((weights @ hits) / (weights @ n), [0.025, 0.975])
        share, (weak, strong, own) = float(at_most[near, k].mean()), (x[k] for x in by_level)
        measured = float(below[near, k].mean())
        total, total_predicted = int(below[:, k].sum()), float(at_most[:, k].sum())
        out.append(
            Share(
                threshold_db=threshold,
                measured=measured,
                measured_ci95=(float(low), float(high)),
                predicted=share,
                # The level and the pairs are independent of each other.
                predicted_ci95=(
                    max(0.0, share - float(np.hypot(share - weak, high - measured))),
                    min(1.0, share + float(np.hypot(strong - share, measured - low))),
                ),
                at_level=float(own),
                precision_measured=float(hits.sum()) / total if total else None,
                precision_predicted=float(at_most[near, k].sum()) / total_predicted
                if total_predicted > 0
                else None,
            )
        )
    return tuple(out)


def _quantiles(values: NDArray[np.float64], at: Sequence[float] | Any) -> NDArray[np.float64]:
    return np.asarray(np.quantile(values, at, method="inverted_cdf"))


def _quantiles_of_sums(sums: NDArray[np.float64], at: Sequence[float] | Any) -> NDArray[np.float64]:
    whole = np.cumsum(sums)
    return np.asarray(_BINS_DB[np.searchsorted(whole, np.asarray(at) * whole[-1])])
