"""What a validation of the radio found: shares and quantiles by scene, as JSON has them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._version import SCHEMA_VERSION
from .fit import RadioFit

#: Attenuations of the rules in use: CWA 55 and 63 dB, SwissCovid's and GAEN's own 50 and 70 dB.
THRESHOLDS_DB = (50.0, 55.0, 63.0, 70.0)
NEAR_M = 2.0
#: How far a predicted share may be from the measured one.
TOLERANCE = 0.10
EDGES_M = (0.0, 1.0, 2.0, 3.0, 5.0, 1e9)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


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
        n_left_out: rows and files at fault that were left out.
        tolerance: for the shares.
    """

    scenes: tuple[SceneResult, ...]
    fit: RadioFit | None
    unknown_models: tuple[str, ...]
    n_left_out: int = 0
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
            "n_left_out": self.n_left_out,
        }


def _rounded_dict(fit: RadioFit) -> dict[str, Any]:
    def short(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: short(v) for k, v in value.items()}
        if isinstance(value, tuple):
            return [short(v) for v in value]
        return None if value is None else round(value, 3)

    return {name: short(value) for name, value in asdict(fit).items()}
