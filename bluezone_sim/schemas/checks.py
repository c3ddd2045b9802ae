"""Documents of ``validate`` and of the white paper's cases."""

from __future__ import annotations

from typing import Any

from ..validation.cascades import Steps
from ..validation.radio.fit import RadioFit
from .document import Document, NumericVersion, Version


class Share(Document):
    """Near samples at or below a threshold of attenuation, measured and predicted."""

    threshold_db: float
    measured: float
    measured_ci95: tuple[float, float]
    predicted: float
    predicted_ci95: tuple[float, float]
    covered: bool
    difference: float
    predicted_at_its_level: float
    precision_measured: float | None
    precision_predicted: float | None
    recall_measured: float
    recall_predicted: float


class Quantiles(Document):
    """Attenuation of samples from a range of distance, by quantile; the last range has no end."""

    from_m: float
    to_m: float | None
    n: int
    measured_db: dict[str, float]
    predicted_db: dict[str, float]


class Scene(Document):
    """A measured scene, predicted by a fit on the others."""

    scene: str
    fitted_on: list[str]
    n_samples: int
    n_with_distance: int
    n_near: int
    n_pairs_near: int
    shares: list[Share]
    level_db: float
    level_sd_db: float
    worst_difference: float
    worst_difference_at_its_level: float
    passed: bool
    simulator_defaults: list[float]
    quantiles_by_distance: list[Quantiles]


class ValidateRadio(Document):
    """What ``bluezone-sim validate radio --json`` prints."""

    schema_version: Version
    near_m: float
    thresholds_db: list[float]
    tolerance: float
    passed: bool
    scenes: list[Scene]
    fit_on_all: RadioFit | None
    unknown_models: list[str]
    n_left_out: int


class JudgedCheck(Document):
    """A number of the survey and ours, with what ours may be; ``high`` is null without a bound."""

    name: str
    measured: float
    generated: float
    low: float
    high: float | None
    passed: bool


class ValidateContacts(Document):
    """What ``bluezone-sim validate contacts --json`` prints; tolerances are by kind of number."""

    schema_version: Version
    numeric_version: NumericVersion
    scenario: str
    seed: int
    participants: int
    passed: bool
    tolerance: dict[str, float]
    checks: list[JudgedCheck]
    age_groups_from: list[int]
    people_met_by_age: list[list[float]]
    people_met_by_day: list[float]


class Cascade(Document):
    """From case to warning, in the field and in the simulation."""

    name: str
    changes: dict[str, Any]
    users: int
    cases: int
    measured: Steps
    ours: Steps
    source: str


class ValidateCascades(Document):
    """What ``bluezone-sim validate cascades --json`` prints."""

    schema_version: Version
    numeric_version: NumericVersion
    scenario: str
    seed: int
    cascades: list[Cascade]


class JudgedAnswer(Document):
    """A number of a published model, and ours.

    Attributes:
        model, what, origin: whose, at which point, and where the known number is from.
        known, ours, difference: the numbers; ours less the known one.
        tolerance: null where the number is only shown.
        error: standard error of ours; null where it is exact.
        passed: ours is within the tolerance.
    """

    model: str
    what: str
    origin: str
    known: float
    ours: float
    tolerance: float | None
    error: float | None
    difference: float
    passed: bool


class EngineOfTwo(Document):
    """An engine, and its course of disease.

    Attributes:
        name: of both.
        averted: share of infections that there are not with the app; null where there are none without.
        runs: of each seed, ascending: attack rates and quarantine days without and with the app, R0, mean
            generation time, share before onset, and values of the disease that differ.
    """

    name: str
    averted: float | None
    runs: list[dict[str, Any]]


class ValidateEpidemic(Document):
    """What ``bluezone-sim validate epidemic --json`` prints.

    Attributes:
        scenario, people, days: of the towns.
        arms: names of the arm without the app, and of that with it.
        covasim: its version.
        engines: on the same towns.
    """

    schema_version: Version
    numeric_version: NumericVersion
    scenario: str
    people: int
    days: int
    arms: list[str]
    covasim: str
    engines: list[EngineOfTwo]


class ValidateTracing(Document):
    """What ``bluezone-sim validate tracing --json`` prints; tolerances are by model and number."""

    schema_version: Version
    numeric_version: NumericVersion
    seed: int
    trials: int | None
    passed: bool
    tolerance: dict[str, float]
    answers: list[JudgedAnswer]


class MatrixCase(Document):
    """A case of the white paper; seconds are null where nothing was recorded."""

    case: int
    scanner: str
    advertisers: str
    recorded: bool
    seconds_to_first: float | None


class ClaimTimes(Document):
    """Times to the first record; null beyond the time that was simulated."""

    contacts: int
    share_within: float
    quantiles: list[float]
    quantiles_s: list[float | None]


class ClaimFound(Document):
    """A claim of the white paper, and what was found."""

    claim: str
    within_s: float
    one_way: ClaimTimes
    mutual: ClaimTimes
    holds: bool


class MeasuredSystem(Document):
    """A share that somebody measured of another system, and the model's."""

    system: str
    measured: str
    source: str
    profile: str
    platforms: list[str]
    model: float
    model_as_phones_live: float
    model_8_h_together: float
    model_opened: float


class Matrix(Document):
    """What ``bluezone-sim matrix --json`` prints.

    Attributes:
        protocol, set: the radio profile and what was changed of it.
        cases, recorded, missed: the cases, how many record, and those that differ from the white paper.
        claims, measured: further figures, with the model's beside them.
    """

    schema_version: Version
    protocol: str
    set: dict[str, Any]
    cases: list[MatrixCase]
    recorded: int
    missed: list[int]
    claims: list[ClaimFound]
    measured: list[MeasuredSystem]
