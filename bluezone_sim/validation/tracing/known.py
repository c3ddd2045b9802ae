"""Answers of published models of contact tracing, beside ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..._version import NUMERIC_VERSION, SCHEMA_VERSION
from ...epidemiology import ferretti
from ...epidemiology.kucharski import app_scenario
from ...tables.table import Column, Table
from .barrat import OfficeTrace, final_sizes

#: Kucharski et al. 2020: reduction of R by the app's coverage 0, .1 .. 1, simulated, published.
KUCHARSKI = (0.378, 0.379, 0.395, 0.403, 0.429, 0.457, 0.485, 0.529, 0.567, 0.607, 0.656)
#: Ferretti et al. 2020: R by route, from its equations; the paper has .9, .8, .2, .1 and R0 2.0.
FERRETTI_ROUTES = {
    "presymptomatic": 0.904,
    "symptomatic": 0.746,
    "environmental": 0.196,
    "asymptomatic": 0.110,
}
#: (isolated, quarantined, delay in hours): growth a day and R, at R0 2, from the paper's equations on
#: steps of a tenth of a day up to 10 days, as its web application has them.
FERRETTI_R0 = 2.0
FERRETTI_PLANE = {
    (0.4, 0.4, 0.0): (0.044, 1.226),
    (0.6, 0.6, 0.0): (-0.020, 0.917),
    (0.8, 0.8, 0.0): (-0.100, 0.659),
    (0.6, 0.6, 48.0): (0.036, 1.163),
}
#: Barrat et al. 2021: final sizes by adoption, from its model with 1,000 trials up to .6 and 500 above;
#: the paper has them as a figure.
BARRAT = {0.0: 0.625, 0.2: 0.621, 0.4: 0.608, 0.6: 0.586, 0.8: 0.541, 1.0: 0.490}
#: Those that are judged; with fewer trials than so many .6 cannot be told from 0.
BARRAT_JUDGED, BARRAT_TRIALS = (0.0, 0.6, 1.0), 10_000
#: What the models say, and how far ours may be off.
REDUCTION, ROUTE, SIZE = (
    "Kucharski 2020, reduction of R",
    "Ferretti 2020, R by route",
    "Barrat 2021, infected",
)
GROWTH, PLANE = "Ferretti 2020, growth a day at R0 2", "Ferretti 2020, R at R0 2"
TOLERANCE = {REDUCTION: 0.01, ROUTE: 0.01, GROWTH: 0.02, PLANE: 0.02, SIZE: 0.015}


@dataclass(frozen=True)
class Answer:
    """One number of a model.

    Attributes:
        model: whose, and which number of it.
        what: at which point.
        origin: where the known number is from: "published", or computed from what was.
        known, ours: the number.
        tolerance: how far ours may be off; None where it is only shown.
        error: standard error of ours, of trials; None where it is exact.
    """

    model: str
    what: str
    origin: str
    known: float
    ours: float
    tolerance: float | None
    error: float | None = None

    @property
    def difference(self) -> float:
        """Ours, less the known one."""
        return self.ours - self.known

    @property
    def passed(self) -> bool:
        """Ours is within the tolerance."""
        return self.tolerance is None or abs(self.difference) <= self.tolerance


@dataclass(frozen=True)
class KnownAnswers:
    """All that were asked for.

    Attributes:
        answers: in the order in which they are told.
        trials: of each outbreak on the trace; None without a trace.
        seed: of these.
    """

    answers: tuple[Answer, ...]
    trials: int | None
    seed: int

    @property
    def passed(self) -> bool:
        """Every number is within its tolerance."""
        return all(answer.passed for answer in self.answers)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "schema_version": SCHEMA_VERSION,
            "numeric_version": NUMERIC_VERSION,
            "seed": self.seed,
            "trials": self.trials,
            "passed": self.passed,
            "tolerance": TOLERANCE,
            "answers": [
                {**asdict(a), "difference": a.difference, "passed": a.passed} for a in self.answers
            ],
        }


def known_answers(
    trace: OfficeTrace | None = None,
    *,
    trials: int = BARRAT_TRIALS,
    seed: int = 1,
    threads: int = 1,
    progress: Callable[[float, str], None] | None = None,
) -> KnownAnswers:
    """Computes every known answer; Barrat's where its trace is at hand.

    Args:
        trace: SocioPatterns InVS15, one week.
        trials: outbreaks at each adoption.
        seed: of these.
        threads: threads to use.
        progress: called with the share done and what is next.

    Raises:
        InputError: there is no trial.
    """
    out = [*_kucharski(), *_ferretti()]
    for k, adoption in enumerate(BARRAT if trace is not None else ()):
        if progress is not None:
            progress(k / len(BARRAT), f"outbreaks at {_percent(adoption)}")
        assert trace is not None
        sizes = final_sizes(trace, adoption, trials=trials, seed=seed, threads=threads)
        out.append(
            Answer(
                SIZE,
                f"adoption {_percent(adoption)}",
                "its model, 500 to 1,000 trials",
                BARRAT[adoption],
                float(sizes.mean()),
                TOLERANCE[SIZE] if adoption in BARRAT_JUDGED else None,
                float(sizes.std() / np.sqrt(trials)),
            )
        )
    return KnownAnswers(tuple(out), trials if trace is not None else None, seed)


def _kucharski() -> Iterator[Answer]:
    coverage = np.arange(len(KUCHARSKI)) / 10
    reduction = app_scenario(coverage).reduction
    for share, known, ours in zip(coverage, KUCHARSKI, reduction, strict=True):
        what = f"coverage {_percent(share)}"
        yield Answer(REDUCTION, what, "published", known, float(ours), TOLERANCE[REDUCTION])


def _ferretti() -> Iterator[Answer]:
    origin = "its equations"
    for name, ours in ferretti.routes()._asdict().items():
        yield Answer(ROUTE, name, origin, FERRETTI_ROUTES[name], ours, TOLERANCE[ROUTE])
    for k, model in enumerate((GROWTH, PLANE)):
        for (isolated, quarantined, delay_h), known in FERRETTI_PLANE.items():
            at = ferretti.growth(isolated, quarantined, FERRETTI_R0, delay_h)
            what = f"{_percent(isolated)} isolated, {_percent(quarantined)} quarantined"
            what += f", {delay_h:g} h late" if delay_h else ""
            yield Answer(model, what, origin, known[k], float(at[k]), TOLERANCE[model])


def table(answers: Sequence[Answer]) -> Table:
    """A row a number."""
    columns = (
        Column("model", left=True),
        Column("", left=True, name="what"),
        Column("known", _three),
        Column("ours", _three),
        Column("difference", lambda v: f"{v:+.3f}"),
        Column("may be", lambda v: "any" if v is None else f"± {v:g}"),
        Column("", name="passed"),
    )
    rows, before = [], ""
    for a in answers:
        model, before = "" if a.model == before else a.model, a.model
        off = "" if a.passed else "off"
        rows.append((model, a.what, a.known, a.ours, a.difference, a.tolerance, off))
    return Table("Known answers of models of contact tracing", columns, tuple(rows))


def _three(value: float) -> str:
    return f"{value:.3f}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def notes(found: KnownAnswers) -> list[str]:
    """What the table does not say, a line each."""
    once = float(app_scenario(0.5, other_twice=False).reduction)
    total = sum(ferretti.routes())
    lines = [
        "Kucharski et al.: the app is tried twice on contacts elsewhere, as in their code; tried once, "
        f"50 % of coverage take {once:.3f} off R.",
        "Ferretti et al. publish one digit, R .9, .8, .2, .1 of 2.0 by route. Three digits and the plane "
        "were computed from their equations with their web application's parameters, which give "
        f"{total:.2f} in all.",
    ]
    if found.trials is None:
        lines.append("Barrat et al.: --trace tij_InVS15_1week.dat adds outbreaks on their trace.")
    else:
        error = max(a.error or 0.0 for a in found.answers)
        lines.append(
            f"Barrat et al.: {found.trials:,} trials each, standard error of ours {error:.4f} at the "
            "most, of theirs about .011 up to 60 % and .016 above."
        )
    return [
        *lines,
        f"Every number within its tolerance: {'yes' if found.passed else 'no'}",
    ]
