"""Campaigns over seeds and arms: the tables, the chart and the sentence that a sweep shows of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from ..analysis.campaign_arms import CampaignArm, curves
from ..analysis.compare import arms_label
from ..analysis.statistics import seeds_for
from ..tables.level_tables import columns
from ..tables.metrics import METRICS, interval_column
from ..tables.table import Column, Table
from ..tables.words import SHARE, interval, number, percent, share, whole
from .campaign import MEASURES_TITLE, day
from .charts import N_COLOURS, Line, Tip, line_chart
from .line_styles import kinds_of

_DAYS_NOTE = (
    "First day, the day with most users, last day, with all measures. both: share of risky pairs in "
    "which both run the app. random: recall with as many users a day, any smartphone owners. none: "
    "without the measures. days: median from contact to warning."
)
#: How differences of recall are told.
_RECALL = SHARE
_ARM, _DAY = Column("arm", left=True), Column("day", day, left=True)


def days_table(arms: Sequence[CampaignArm], half_width: float) -> Table:
    """A row an arm and key day.

    Args:
        arms: of a sweep.
        half_width: of the interval of recall for which seeds are counted, as a share of recall.
    """
    before = ("users", "adoption_smartphones", "share_both_have_app")
    after = ("precision", "n_warned_f1", "days_contact_to_warning_p50")
    rows = []
    for arm in arms:
        for i, date in enumerate(arm.key_dates()):
            recall = arm.mean("recall", date)
            rows.append(
                (
                    arm.label if i == 0 else "",
                    date,
                    *(arm.mean(name, date).mean for name in before),
                    recall.mean,
                    recall.ci95,
                    *(arm.mean("recall", date, m).mean for m in arm.measures[1:3]),
                    *(arm.mean(name, date).mean for name in after),
                    seeds_for(recall.mean, recall.sd, half_width),
                )
            )
    recall_of = METRICS.get("recall")
    heads = (
        _ARM,
        _DAY,
        *columns(before, ("users", "of\nphones\n%", "both\n%")),
        recall_of.column(),
        interval_column("95 %\nover seeds"),
        recall_of.column("random\n%"),
        recall_of.column("none\n%"),
        *columns(after, ("precision\n%", "F1 per\ncase", "days to\nwarning")),
        Column("seeds\nneeded", whole),
    )
    return Table("The campaign, means over seeds", heads, tuple(rows), _DAYS_NOTE)


_MEASURES_NOTE = (
    "less: recall less that of all measures, paired by seed. at random: as many users on every day, but "
    "any smartphone owners. Without a measure, those whom it would have brought are left to later ones."
)


def measures_table(arms: Sequence[CampaignArm]) -> Table:
    """With and without each measure on the day with most users and the last one.

    The days are named in the heads where all arms have the same.
    """
    last = {arm.key_dates()[-1] for arm in arms}
    most = {arm.key_dates()[-2] for arm in arms if len(arm.key_dates()) > 2}
    names = [day(*d) if len(d) == 1 else w for d, w in ((most, "most users"), (last, "end")) if d]
    heads = [
        "arm",
        "",
        *(h for n in names for h in (f"{n}\nusers", "recall\n%", "less\npoints", "95 %")),
    ]
    rows = []
    for arm in arms:
        dates = arm.key_dates()
        at = [dates[-2], dates[-1]] if most else dates[-1:]
        for measures in arm.measures:
            row = [arm.label if measures == arm.measures[0] else "", measures]
            for date in at:
                less = arm.less("recall", date, arm, (measures, arm.measures[0]))
                told = "" if measures == arm.measures[0] else _RECALL.change(less.mean, unit=False)
                row += [
                    whole(arm.mean("users", date, measures).mean),
                    share(arm.mean("recall", date, measures).mean),
                    told,
                    _RECALL.ends(less.ci95) if told else "",
                ]
            rows.append(row)
    return Table.of_text(MEASURES_TITLE, heads, rows, 2, _MEASURES_NOTE)


def differences_table(pairs: Sequence[tuple[CampaignArm, CampaignArm]], title: str) -> Table:
    """A row an arm and key day that both have.

    Args:
        pairs: what is compared with, then what is.
        title: of the table.
    """
    names = ("adoption_smartphones", "recall", "precision", "n_warned_f1")
    units = [METRICS.get(name).unit for name in names]
    rows = []
    for base, arm in pairs:
        for i, date in enumerate(_shared(base, arm)):
            less = [arm.less(name, date, base) for name in names]
            phones, recall, precision, f1 = (
                [u.change(d.mean, unit=False), u.ends(d.ci95)]
                for u, d in zip(units, less, strict=True)
            )
            label = arm.label if i == 0 else ""
            rows.append([label, day(date), phones[0], *recall, *precision, f1[0]])
    heads = [
        "arm", "day", "of phones\npoints", "recall\npoints", "95 %", "precision\npoints", "95 %",
        "F1 per\ncase",
    ]  # fmt: skip
    return Table.of_text(title, heads, rows, 2)


def compare_table(pairs: Sequence[tuple[CampaignArm, CampaignArm]]) -> Table:
    """Both side by side on the key days that both have."""
    names = ("users", "recall", "precision", "n_warned_f1")
    heads = [_ARM, _DAY]
    for name, head in zip(
        names, ("users", "recall\n%", "precision\n%", "F1 per\ncase"), strict=True
    ):
        heads += [METRICS.get(name).column(f"{head}\n{side}") for side in "AB"]
    rows = tuple(
        (
            "" if i else arms_label(base, arm),
            date,
            *(x.mean(name, date).mean for name in names for x in (base, arm)),
        )
        for base, arm in pairs
        for i, date in enumerate(_shared(base, arm))
    )
    return Table("The campaign side by side", tuple(heads), rows)


def _shared(base: CampaignArm, arm: CampaignArm) -> list[dt.date]:
    """Key days of either that both have."""
    either = sorted({*base.key_dates(), *arm.key_dates()})
    return [date for date in either if date in base.dates and date in arm.dates]


def answer(arms: Sequence[CampaignArm]) -> str:
    """The finding in a sentence or two, with its numbers; empty without a campaign."""
    known = [(a, m) for a in arms if (m := a.mean("recall", a.dates[-1])).mean is not None]
    if not known:
        return ""
    if len(known) == 1:
        ((arm, recall),) = known
        end = arm.dates[-1]
        random, none = (arm.mean("recall", end, m).mean for m in arm.measures[1:3])
        phones = percent(arm.mean("adoption_smartphones", end).mean)
        return (
            f"On {_in_words(end)}, the campaign's last day, {phones} of smartphones run the app and "
            f"{_recall(recall)} of the risky contacts of a case are warned (precision "
            f"{_precision(arm)}); {percent(random)} if as many users were spread at random, "
            f"{percent(none)} without the campaign's measures."
        )
    known.sort(key=lambda pair: -(pair[1].mean or 0.0))
    (best, top), (worst, least) = known[0], known[-1]
    text = (
        f"At the campaign's end ({_in_words(best.dates[-1])}), {_recall(top)} of the risky contacts of a "
        f"case are warned with {best.label}, the most of {len(known)} arms (precision "
        f"{_precision(best)}), and {_recall(least)} with {worst.label}, the fewest (precision "
        f"{_precision(worst)})."
    )
    if best.dates[-1] == worst.dates[-1]:
        gain = best.less("recall", best.dates[-1], worst)
        text += (
            f" The difference is {_RECALL.change(gain.mean, unit=False).removeprefix('+')} points"
        )
        if gain.ci95 is not None:
            text += f" (95 % interval {interval(gain.ci95)}, paired by seed)"
        text += "."
    return text


def _in_words(date: dt.date) -> str:
    return f"{date.day} {date:%B %Y}"


def _recall(mean: Any) -> str:
    return percent(mean.mean) + (f" ({interval(mean.ci95)} %)" if mean.ci95 else "")


def _precision(arm: CampaignArm) -> str:
    return percent(arm.mean("precision", arm.dates[-1]).mean)


def legend(arms: Sequence[CampaignArm]) -> list[tuple[int, str, str]]:
    """Colour, name and class of the dash, of the lines of :func:`chart`."""
    return [
        (i % N_COLOURS, name, "dashed" if measures == arm.measures[1] else f"k{kind}")
        for i, ((name, measures, arm), kind) in enumerate(
            zip(curves(arms), _kinds(arms), strict=False)
        )
    ]


def _kinds(arms: Sequence[CampaignArm]) -> Sequence[int]:
    """Dashes of :func:`curves`: by protocol; one arm with and without its measures has two."""
    return kinds_of(arms) if len(arms) > 1 else (0,) * len(curves(arms))


def chart(arms: Sequence[CampaignArm]) -> str:
    """Recall by day, with intervals over seeds: of each arm, or of one with and without its measures."""
    found = curves(arms)
    dates = sorted({date for _, _, arm in found for date in arm.dates})
    first, span = dates[0], max(1, (dates[-1] - dates[0]).days)

    def at(date: dt.date) -> float:
        return 100 * (date - first).days / span

    lines, tips = [], {date: Tip(at(date), _in_words(date), []) for date in dates}
    kinds = _kinds(arms)
    for i, (name, measures, arm) in enumerate(found):
        means = [arm.mean("recall", date, measures) for date in arm.dates]
        banded = measures in (arm.measures[0], arm.measures[2])
        for date, m in zip(arm.dates, means, strict=True):
            users = number(arm.mean("users", date, measures).mean, 0)
            row = (i % N_COLOURS, name, f"{_recall(m)}, {users} users")
            tips[date] = Tip(at(date), _in_words(date), [*tips[date].lines, row])
        lines.append(
            Line(
                name,
                i % N_COLOURS,
                [at(date) for date in arm.dates],
                [None if m.mean is None else 100 * m.mean for m in means],
                [m.ci95 and (100 * m.ci95[0], 100 * m.ci95[1]) for m in means] if banded else (),
                dashed=measures == arm.measures[1],
                dots=False,
                kind=kinds[i],
            )
        )
    ends = "; ".join(
        f"{line.name}: {percent(None if line.y[-1] is None else line.y[-1] / 100)}"
        for line in lines[:8]
    )
    return line_chart(
        lines,
        list(tips.values()),
        x="day",
        y="share of risky pairs warned (%)",
        alt=f"Share of risky pairs warned, by day of the campaign. On the last day {ends}.",
        ticks=[(at(date), day(date)) for date in dates[:: max(1, -(-len(dates) // 7))]],
    )
