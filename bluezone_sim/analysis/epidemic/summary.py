"""What an epidemic says of its arms, over seeds: paired by seed, since towns differ more than arms do."""

from __future__ import annotations

from dataclasses import dataclass

from ...tables.words import Interval
from .result import Epidemic


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
        attack_rate_ci95: of it.
        averted: share of the baseline's infections by day T that the arm has not: a ratio of sums over
            seeds; None for the baseline.
        averted_ci95: paired bootstrap over seeds.
        averted_beyond_placebo: the same beyond what the placebo with this arm's warnings averts; None
            where there is no such placebo.
        averted_beyond_placebo_ci95: paired bootstrap over seeds.
        r: secondary cases of the cohort, see :class:`.result.ArmTally`.
        r_ratio: to the baseline's.
        quarantine_days_per_person: days at home, warned or traced and no known case.
        averted_per_100_quarantine_days: 100 times infections averted by quarantine days more than the
            baseline's: a ratio of sums over seeds.
        averted_per_100_quarantine_days_ci95: paired bootstrap; None with the ratio where the
            denominator's interval holds 0.
        averted_per_100_more: the same as an increment to the arm with the next fewer quarantine days.
        published_share: of the infections, those whose keys are published.
        warned_per_person: warnings of the app, by person and day of publication.
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


@dataclass(frozen=True)
class EpidemicResult:
    """All arms over all seeds.

    Attributes:
        seeds: an epidemic each, seeds ascending.
        arms: in the order of the scenario; the first is the baseline.
    """

    seeds: tuple[Epidemic, ...]
    arms: tuple[ArmSummary, ...]
