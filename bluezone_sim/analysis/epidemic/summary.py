"""What an epidemic says of its arms, over seeds: paired by seed, since towns differ more than arms do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...scenario.schema.epidemic import Arm
from ...tables.words import Interval
from ..statistics import mean_of, ratio
from .resampling import ends, resamples
from .result import Epidemic
from .sums import Sums, sums_of

#: R is not told of fewer people of a cohort than this.
LEAST_COHORT = 30
#: Below this share of the people an epidemic is called extinct.
_EXTINCT = 0.01


@dataclass(frozen=True)
class ArmSummary:
    """An arm over all seeds, beside the baseline, which is the first arm; intervals are of 95 %.

    A number that is not defined is None: an interval of one seed, R of fewer than 30 people, a ratio
    whose denominator may be 0.

    Attributes:
        name, level, finds: of the arm; the level is a share of smartphone owners.
        day: T, days from the first on; the same for all arms.
        over: in how many seeds the epidemic is over then.
        extinct: in how many seeds fewer than 1 % of the people were infected.
        attack_rate: share of the people infected by day T, mean over seeds.
        attack_rate_ci95: of that mean, Student's on the scale of shares, as of every mean over seeds.
        averted: share of the baseline's infections by day T that the arm has not: a ratio of sums over
            seeds; None for the baseline.
        averted_ci95: paired bootstrap over seeds.
        averted_beyond_placebo: the same beyond what the placebo with this arm's warnings averts; None
            where there is no such placebo.
        averted_beyond_placebo_ci95: paired bootstrap over seeds.
        r: secondary cases of the cohort, see :class:`.ArmTally`: a ratio of sums over seeds.
        r_ratio: to the baseline's.
        quarantine_days_per_person: days at home, warned or traced and no known case.
        averted_per_100_quarantine_days: 100 times infections averted by quarantine days more than the
            baseline's: a ratio of sums over seeds.
        averted_per_100_quarantine_days_ci95: paired bootstrap; None with the ratio where the
            denominator's interval holds 0.
        averted_per_100_more: the same as an increment to the arm with the next fewer quarantine days,
            whichever it is; None for the arm with the fewest.
        published_share: of the infections, those whose keys are published.
        warned_per_person: warnings of the app, by person and episode, see :class:`.ArmTally`.
        warned_infected_by_case: share of them infected by that case on a published day.
        warned_infected: share of them infected by anybody when told.
        warned_infected_beyond_random: the same less that of random users of that day.
        warned_positive: share of them positive within 14 days.
    """

    name: str
    level: float
    finds: str
    day: int
    over: int
    extinct: int
    attack_rate: float
    attack_rate_ci95: Interval | None
    averted: float | None
    averted_ci95: Interval | None
    averted_beyond_placebo: float | None
    averted_beyond_placebo_ci95: Interval | None
    r: float | None
    r_ratio: float | None
    quarantine_days_per_person: float
    averted_per_100_quarantine_days: float | None
    averted_per_100_quarantine_days_ci95: Interval | None
    averted_per_100_more: float | None
    published_share: float | None
    warned_per_person: float
    warned_infected_by_case: float | None
    warned_infected: float | None
    warned_infected_beyond_random: float | None
    warned_positive: float | None

    def flat(self) -> dict[str, Any]:
        """By name, with ``_lo`` and ``_hi`` of intervals."""
        row: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_ci95"):
                row[f"{field.name}_lo"], row[f"{field.name}_hi"] = value or (None, None)
            else:
                row[field.name] = value
        return row


@dataclass(frozen=True)
class EpidemicResult:
    """All arms over all seeds.

    Attributes:
        seeds: an epidemic each, seeds ascending.
        arms: in the order of the scenario; the first is the baseline.
    """

    seeds: tuple[Epidemic, ...]
    arms: tuple[ArmSummary, ...]


def summarise(arms: Sequence[Arm], seeds: Sequence[Epidemic]) -> EpidemicResult:
    """All arms over all seeds.

    Args:
        arms: of the scenario, in order; the first is the baseline.
        seeds: an epidemic each, of these arms, in any order.
    """
    ordered = tuple(sorted(seeds, key=lambda epidemic: epidemic.seed))
    return EpidemicResult(ordered, summaries(arms, sums_of(ordered)))


def summaries(arms: Sequence[Arm], sums: Sums) -> tuple[ArmSummary, ...]:
    """Each arm over seeds.

    Args:
        arms: of the scenario, in order; the first is the baseline.
        sums: of these arms.
    """
    whole = _Resampled(sums)
    placebos = {arm.as_many: k for k, arm in enumerate(arms) if arm.finds == "random"}
    return tuple(_summary(arm, k, placebos.get(arm.name), whole) for k, arm in enumerate(arms))


class _Resampled:
    """Sums over all seeds, and over those of each resample."""

    def __init__(self, sums: Sums):
        weights = resamples(sums.seeds).T
        self.sums = sums
        #: By name, ``float64[arms]`` and ``float64[arms, resamples]``.
        self.total = {name: x.sum(1) for name, x in sums.of.items()}
        self.again = {name: sums.of[name] @ weights for name in ("infected", "quarantined")}

    def averted(self, more: int, fewer: int) -> tuple[float | None, Interval | None]:
        """Infections that one arm has and the other has not, of the baseline's; and its interval."""
        total, again = self.total["infected"], self.again["infected"]
        found = ratio(total[more] - total[fewer], total[0])
        return found, ends(_divided(again[more] - again[fewer], again[0]))

    def per_100(self, base: int, k: int) -> tuple[float | None, Interval | None]:
        """Infections averted by 100 quarantine days more than those of ``base``; and its interval."""
        infected, quarantined = self.again["infected"], self.again["quarantined"]
        days = quarantined[k] - quarantined[base]
        of_days = ends(days)
        if of_days is not None and of_days[0] <= 0 <= of_days[1]:
            return None, None
        total = self.total
        spared = 100 * (total["infected"][base] - total["infected"][k])
        more = total["quarantined"][k] - total["quarantined"][base]
        found = ratio(spared, more) if spared else ratio(0, abs(more))  # never -0
        return found, ends(_divided(100 * (infected[base] - infected[k]), days))

    def next_fewer(self, k: int) -> int | None:
        """The arm with the next fewer quarantine days."""
        days = self.total["quarantined"]
        fewer = np.flatnonzero(days < days[k])
        return int(fewer[np.argmax(days[fewer])]) if len(fewer) else None

    def r(self, k: int) -> float | None:
        """Secondary cases of a cohort that is large enough."""
        n = self.total["cohort"][k]
        return float(self.total["secondary"][k] / n) if n >= LEAST_COHORT else None


def _divided(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Not finite where there is nothing to divide by."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return part / whole


def _summary(arm: Arm, k: int, placebo: int | None, whole: _Resampled) -> ArmSummary:
    sums, total = whole.sums, {name: x[k] for name, x in whole.total.items()}
    rates = sums.of["infected"][k] / sums.people
    attack = mean_of(rates, "share")
    averted = whole.averted(0, k) if k else (None, None)
    beyond = (None, None) if placebo is None else whole.averted(placebo, k)
    per_100 = whole.per_100(0, k) if k else (None, None)
    cheaper = whole.next_fewer(k)
    r, of_baseline = whole.r(k), whole.r(0)
    people, warned = sums.people.sum(), total["warned"]
    return ArmSummary(
        name=arm.name,
        level=arm.level,
        finds=arm.finds,
        day=sums.day,
        over=int(total["over"]),
        extinct=int((rates < _EXTINCT).sum()),
        attack_rate=float(rates.mean()),
        attack_rate_ci95=attack.ci95,
        averted=averted[0],
        averted_ci95=averted[1],
        averted_beyond_placebo=beyond[0],
        averted_beyond_placebo_ci95=beyond[1],
        r=r,
        r_ratio=None if r is None or not of_baseline else r / of_baseline,
        quarantine_days_per_person=float(total["quarantined"] / people),
        averted_per_100_quarantine_days=per_100[0],
        averted_per_100_quarantine_days_ci95=per_100[1],
        averted_per_100_more=None if cheaper is None else whole.per_100(cheaper, k)[0],
        published_share=ratio(total["published"], total["infected"]),
        warned_per_person=float(warned / people),
        warned_infected_by_case=ratio(total["warned_infected_by_case"], warned),
        warned_infected=ratio(total["warned_infected"], warned),
        warned_infected_beyond_random=ratio(
            total["warned_infected"] - total["expected_infected"], warned
        ),
        warned_positive=ratio(total["warned_positive"], warned),
    )
