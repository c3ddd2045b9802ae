"""The radio beside measured scenes: each scene predicted by a fit on the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from ..._version import SCHEMA_VERSION
from ...errors import InputError
from ...scenario.schema.radio import Radio
from .fit import EXP34, GRID_DBM, RadioFit, Scene, fit_radio, log_likelihood, scans_of

#: Attenuations of the rules in use: CWA 55 and 63 dB, SwissCovid's and GAEN's own 50 and 70 dB.
THRESHOLDS_DB = (50.0, 55.0, 63.0, 70.0)
NEAR_M = 2.0
#: How far a predicted share may be from the measured one.
TOLERANCE = 0.10
EDGES_M = (0.0, 1.0, 2.0, 3.0, 5.0, 1e9)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_CHUNK_ROWS = 20_000
#: A scene's level is looked for within this of the fit's, dB.
_MOST_DB = 40.0
#: 97.5 % of a normal.
_UPPER = 1.96
_BOOTSTRAPS = 1000
#: Attenuations over which predictions add up, dB; wide enough for any phones.
_BIN_DB = 0.5
_BINS_DB = np.arange(-60.0, 200.0, _BIN_DB)


@dataclass(frozen=True)
class Share:
    """Samples at or below a threshold, given that they were sent from near by.

    Attributes:
        threshold_db: attenuation.
        measured, predicted: share of the near samples, which is the recall of "near" by this threshold.
        measured_ci95: by bootstrap over pairs of phones.
        predicted_ci95: of what is measured in another scene: its level, and the pairs of this one.
        at_level: predicted where the scene's own level is known, as its samples have it.
        precision_measured, precision_predicted: share of near ones among the samples at or below it;
            None where there is none.
    """

    threshold_db: float
    measured: float
    measured_ci95: tuple[float, float]
    predicted: float
    predicted_ci95: tuple[float, float]
    at_level: float
    precision_measured: float | None
    precision_predicted: float | None

    @property
    def covered(self) -> bool:
        """The measured share is in the interval of the predicted one."""
        return self.predicted_ci95[0] <= self.measured <= self.predicted_ci95[1]

    @property
    def difference(self) -> float:
        """Predicted less measured."""
        return self.predicted - self.measured

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "threshold_db": self.threshold_db,
            "measured": round(self.measured, 4),
            "measured_ci95": [round(x, 4) for x in self.measured_ci95],
            "predicted": round(self.predicted, 4),
            "predicted_ci95": [round(x, 4) for x in self.predicted_ci95],
            "covered": self.covered,
            "difference": round(self.difference, 4),
            "predicted_at_its_level": round(self.at_level, 4),
            "precision_measured": _rounded(self.precision_measured),
            "precision_predicted": _rounded(self.precision_predicted),
            "recall_measured": round(self.measured, 4),
            "recall_predicted": round(self.predicted, 4),
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


@dataclass(frozen=True, eq=False)
class Bin:
    """Attenuation of the samples from one range of distance.

    Attributes:
        from_m, to_m: the range, its start included; the last one has no end.
        n: samples.
        measured_db, predicted_db: at :data:`QUANTILES`.
    """

    from_m: float
    to_m: float
    n: int
    measured_db: list[float]
    predicted_db: list[float]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "from_m": self.from_m,
            "to_m": None if self.to_m >= EDGES_M[-1] else self.to_m,
            "n": self.n,
            "measured_db": {str(q): v for q, v in zip(QUANTILES, self.measured_db, strict=True)},
            "predicted_db": {str(q): v for q, v in zip(QUANTILES, self.predicted_db, strict=True)},
        }


@dataclass(frozen=True, eq=False)
class SceneResult:
    """One scene, predicted.

    Attributes:
        name: of the scene.
        fitted_on: scenes of the fit that predicts it.
        n_samples, n_with_distance, n_near: of the scene.
        n_pairs: ordered pairs that were near at some time.
        level_db: how much stronger the scene's samples are than predicted, with its standard deviation in
            the prediction.
        shares: at :data:`THRESHOLDS_DB`; empty where no sample is near.
        bins: quantiles by distance.
        qq: (measured, predicted) attenuation at 1 to 99 %, of the near and of the far samples, dB.
        simulator: the same shares as a scenario's radio has them by default; beside the fit, and no part
            of the verdict.
    """

    name: str
    fitted_on: tuple[str, ...]
    n_samples: int
    n_with_distance: int
    n_near: int
    n_pairs: int
    level_db: float
    level_sd_db: float
    shares: tuple[Share, ...]
    bins: tuple[Bin, ...]
    qq: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
    simulator: tuple[float, ...] = ()

    def worst(self) -> float:
        """Largest difference of a share; 0 where there is none."""
        return max((abs(s.difference) for s in self.shares), default=0.0)

    def remains(self) -> float:
        """Largest difference of a share where the scene's level is known; 0 where there is none."""
        return max((abs(s.at_level - s.measured) for s in self.shares), default=0.0)

    def to_dict(self, tolerance: float) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "scene": self.name,
            "fitted_on": list(self.fitted_on),
            "n_samples": self.n_samples,
            "n_with_distance": self.n_with_distance,
            "n_near": self.n_near,
            "n_pairs_near": self.n_pairs,
            "shares": [s.to_dict() for s in self.shares],
            "level_db": round(self.level_db, 3),
            "level_sd_db": round(self.level_sd_db, 3),
            "worst_difference": round(self.worst(), 4),
            "worst_difference_at_its_level": round(self.remains(), 4),
            "passed": self.worst() <= tolerance,
            "simulator_defaults": [round(share, 4) for share in self.simulator],
            "quantiles_by_distance": [b.to_dict() for b in self.bins],
        }


@dataclass(frozen=True, eq=False)
class Validation:
    """All scenes.

    Attributes:
        scenes: one by one, each predicted by the others.
        fit: on all of them together; None where they are too few for a fit.
        unknown_models: models without calibration, for which the mean of the known ones stands.
        tolerance: for the shares.
    """

    scenes: tuple[SceneResult, ...]
    fit: RadioFit | None
    unknown_models: tuple[str, ...]
    tolerance: float = TOLERANCE

    @property
    def passed(self) -> bool:
        """Every share of every scene is within the tolerance."""
        return all(scene.worst() <= self.tolerance for scene in self.scenes)

    def to_dict(self) -> dict[str, Any]:
        """As ``bluezone-sim validate radio --json`` prints it."""
        return {
            "schema_version": SCHEMA_VERSION,
            "near_m": NEAR_M,
            "thresholds_db": list(THRESHOLDS_DB),
            "tolerance": self.tolerance,
            "passed": self.passed,
            "scenes": [scene.to_dict(self.tolerance) for scene in self.scenes],
            "fit_on_all": None if self.fit is None else _rounded_dict(self.fit),
            "unknown_models": list(self.unknown_models),
        }


def _rounded_dict(fit: RadioFit) -> dict[str, Any]:
    def short(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: short(v) for k, v in value.items()}
        if isinstance(value, tuple):
            return [short(v) for v in value]
        return None if value is None else round(value, 3)

    return {name: short(value) for name, value in asdict(fit).items()}


def validate_radio(scenes: Sequence[Scene], unknown_models: Sequence[str] = ()) -> Validation:
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
    return Validation(tuple(results), whole, tuple(unknown_models))


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
