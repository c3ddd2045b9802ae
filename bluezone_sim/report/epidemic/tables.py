"""What an epidemic's arms avert, whom they warn, and how the disease was passed on, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ...analysis.epidemic.points import EpidemicPoints
from ...analysis.epidemic.summary import ArmSummary, EpidemicResult
from ...analysis.epidemic.transmission import PUBLISHED, transmission_of
from ...analysis.statistics import Mean
from ...tables.metrics import interval_column
from ...tables.table import Column, Table
from ...tables.words import DASH, RATIO, SHARE, hundredths

#: With fewer seeds than this a bootstrap's intervals are told to be short.
_FEW_SEEDS = 10
_ARM = Column("arm", name="arm", left=True)
_SHARE = SHARE.cell


def tables(result: EpidemicResult) -> Iterator[Table]:
    """All of them."""
    yield arms_table(result)
    yield cost_table(result)
    yield transmission_table(result)


def arms_table(result: EpidemicResult) -> Table:
    """A row an arm: infections, and what of them is averted."""
    names = (
        "level",
        "attack_rate",
        "attack_rate_ci95",
        "averted",
        "averted_ci95",
        "averted_beyond_placebo",
        "averted_beyond_placebo_ci95",
        "r",
        "r_ratio",
        "over",
        "extinct",
    )
    heads = (
        _ARM,
        Column("of\nphones\n%", _SHARE, "level"),
        Column("infected\n%", _SHARE, "attack_rate"),
        interval_column(),
        Column("averted\n%", _SHARE, "averted"),
        interval_column(),
        Column("beyond\nplacebo\n%", _SHARE, "averted_beyond_placebo"),
        interval_column(),
        Column("R", hundredths, "r"),
        Column("R,\nratio", hundredths, "r_ratio"),
        Column("over in\nseeds", name="over"),
        Column("below\n1 % in", name="extinct"),
    )
    day, n = result.arms[0].day, len(result.seeds)
    title = f"Infections by day {day}, {n:,} seed{'s' if n != 1 else ''}"
    return Table(title, heads, _rows(result.arms, names), arms_note(result))


def arms_note(result: EpidemicResult) -> str:
    """What the heads are too short to say, and what is not over."""
    base, n = result.arms[0], len(result.seeds)
    parts = [
        f"averted: of the infections of {base.name}, a ratio of sums over seeds. beyond placebo: more "
        "than with as many random users warned each day. R: people infected by those infected from the "
        "first warning until 5 % are, followed for 21 days. below 1 % in: seeds in which fewer than "
        "1 % are infected."
    ]
    if n == 1:
        parts.append("One seed: no intervals; --seeds gives more.")
    else:
        few = ", which with few seeds are too short" if n < _FEW_SEEDS else ""
        parts.append(
            "Intervals of infected: of the mean over seeds; of what is averted: bootstrap over seeds, "
            f"paired{few}."
        )
    open_ = [arm for arm in result.arms if arm.over < n]
    if len(open_) == len(result.arms) and not any(arm.over for arm in open_):
        parts.append(
            f"No epidemic is over on day {base.day}: what is averted by then may come later."
        )
    elif open_:
        told = ", ".join(f"{arm.name} ({n - arm.over:,} of {n:,})" for arm in open_)
        parts.append(f"Not over on day {base.day}, so that what is averted may come later: {told}.")
    else:
        parts.append(f"All are over on day {base.day}.")
    return " ".join(parts)


def cost_table(result: EpidemicResult) -> Table:
    """A row an arm: days at home, what they avert, and who the warned are."""
    names = (
        "quarantine_days_per_person",
        "averted_per_100_quarantine_days",
        "averted_per_100_quarantine_days_ci95",
        "averted_per_100_more",
        "published_share",
        "warned_per_person",
        "warned_infected_by_case",
        "warned_infected",
        "warned_infected_beyond_random",
        "warned_positive",
    )
    heads = (
        _ARM,
        Column("days\na person", hundredths, names[0]),
        Column("averted\nper 100", hundredths, names[1]),
        interval_column("95 %", RATIO),
        Column("per 100\nmore", hundredths, names[3]),
        Column("cases\npublish %", _SHARE, names[4]),
        Column("warned\na person", hundredths, names[5]),
        Column("by that\ncase %", _SHARE, names[6]),
        Column("infected\n%", _SHARE, names[7]),
        Column("less\nrandom %", _SHARE, names[8]),
        Column("positive\n%", _SHARE, names[9]),
    )
    note = (
        "days a person: at home because warned or traced, no known case. averted per 100: infections by "
        "100 such days more than those of the baseline; per 100 more: than those of the arm with the "
        "next fewer; a dash where the days may be no more. cases publish: of all infections. Of the "
        "warned: infected by that case on a published day, by anybody in the look-back, the same less "
        "that of random users of that day, positive within 14 days."
    )
    return Table("Quarantine and the warned", heads, _rows(result.arms, names), note)


def sweep_table(points: EpidemicPoints) -> Table:
    """A row a point of the grid and arm of the epidemic."""
    names = (
        "level",
        "attack_rate",
        "attack_rate_ci95",
        "averted",
        "averted_ci95",
        "averted_beyond_placebo",
        "averted_beyond_placebo_ci95",
        "r_ratio",
        "quarantine_days_per_person",
        "averted_per_100_quarantine_days",
        "over",
    )
    heads = (
        Column("at", name="point", left=True),
        _ARM,
        Column("of\nphones\n%", _SHARE, "level"),
        Column("infected\n%", _SHARE, "attack_rate"),
        interval_column(),
        Column("averted\n%", _SHARE, "averted"),
        interval_column(),
        Column("beyond\nplacebo\n%", _SHARE, "averted_beyond_placebo"),
        interval_column(),
        Column("R,\nratio", hundredths, "r_ratio"),
        Column("days\na person", hundredths, "quarantine_days_per_person"),
        Column("averted\nper 100", hundredths, "averted_per_100_quarantine_days"),
        Column("over in\nseeds", name="over"),
    )
    rows = [
        (point.label if i == 0 else "", *row)
        for point in points
        for i, row in enumerate(_rows(point.arms, names))
    ]
    days = sorted({arm.day for point in points for arm in point.arms})
    seeds = sorted({len(point.seeds) for point in points})
    of = "seed" if seeds == [1] else "seeds"
    title = f"Infections by day {_listed(days)}, {_listed(seeds)} {of}"
    note = (
        "averted: of the infections of the first arm at the same point; beyond placebo, days a person "
        "and averted per 100 as in a run. Intervals of what is averted: bootstrap over seeds, paired."
    )
    return Table(title, heads, tuple(rows), note)


def _listed(numbers: Sequence[int]) -> str:
    return " or ".join(f"{n:,}" for n in numbers)


def _rows(arms: Sequence[ArmSummary], names: Sequence[str]) -> tuple[tuple[Any, ...], ...]:
    return tuple((arm.name, *(getattr(arm, name) for name in names)) for arm in arms)


def transmission_table(result: EpidemicResult) -> Table:
    """How the disease is passed on in the run's towns, beside published ranges."""
    rows = []
    for name, mean in transmission_of(result.seeds).items():
        text, ranges = PUBLISHED[name]
        found = [getattr(epidemic.fitted, name) for epidemic in result.seeds]
        there = [value for value in found if value is not None]
        spread = f"{min(there):.2f}{DASH}{max(there):.2f}" if len(there) > 1 else DASH
        for i, of in enumerate(ranges):
            published = f"{of.low:g}{DASH}{of.high:g}"
            place = _place(mean, of.low, of.high)
            rows.append(
                [
                    *(["", "", ""] if i else [text, hundredths(mean.mean), spread]),
                    published,
                    place,
                    of.source,
                ]
            )
    heads = ("", "here", "of seeds", "published", "here is", "source")
    table = Table.of_text("How the disease is passed on", heads, rows, 1)
    left = (*table.columns[:-2], *(Column(head, left=True) for head in heads[-2:]))
    note = (
        "Where nobody is immune, stays at home or is traced; R0 is what transmission is fitted to. The "
        "rest follows from the disease and the contacts. of seeds: lowest and highest town."
    )
    return Table(table.title, left, table.rows, note)


def _place(mean: Mean, low: float, high: float) -> str:
    if mean.mean is None:
        return DASH
    return "below" if mean.mean < low else "above" if mean.mean > high else "within"
