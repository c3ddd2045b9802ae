"""What a report says and shows, from arms: a run is one arm, a sweep has many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..analysis.arms import Arm, Difference, paired
from ..tables.stages import OUTCOMES, STAGES
from ..tables.words import PER_CASE, SHARE, interval, number, percent
from .charts import N_COLOURS, Line, Tip, line_chart
from .line_styles import STYLES, kinds_of, shifts_of

if TYPE_CHECKING:
    from ..scenario.model import Scenario
    from ..tables.levels import LevelMetrics

#: The level that a report opens with is the one nearest to this share of smartphones: the target of
#: the order of 13 August 2020.
_FOCUS = 0.6


def levels_of(arms: Sequence[Arm]) -> list[float]:
    """Adoption levels of any arm, shares of smartphone owners, ascending."""
    found: dict[float, float] = {}
    for arm in arms:
        for m in arm.metrics:
            found.setdefault(round(m.place, 9), m.place)
    return [found[k] for k in sorted(found)]


def focus_of(levels: Sequence[float]) -> int:
    """Index of the level that the report opens with."""
    return min(range(len(levels)), key=lambda i: (abs(levels[i] - _FOCUS), -i))


def focus_level(levels: Sequence[LevelMetrics]) -> LevelMetrics:
    """The level that a report opens with."""
    return levels[focus_of([m.place for m in levels])]


def at_level(arm: Arm, level: float) -> LevelMetrics | None:
    """An arm's metrics at a share of smartphones, None where it has no such level."""
    return next((m for m in arm.metrics if abs(m.place - level) < 1e-9), None)


def answer(arms: Sequence[Arm], differences: Sequence[Difference], level: float) -> str:
    """The finding in a sentence or two, with its numbers."""
    known = [
        (arm, m) for arm in arms if (m := at_level(arm, level)) is not None and m.recall is not None
    ]
    if not known:
        return "No case had a risky contact, so there is nothing to find."
    phones = percent(known[0][1].adoption_smartphones)
    where = f"With the app on {phones} of smartphones ({known[0][1].users:,} users)"
    if len(known) == 1:
        m = known[0][1]
        lost = max(m.lost, key=lambda stage: m.lost[stage] or 0.0)
        text = f"{where}, {_recall(m)} of the risky contacts of a case are warned (recall)"
        if m.precision is not None:
            text += f", and {percent(m.precision)} of those warned had one (precision)"
        text += "."
        if m.lost[lost]:
            text += (
                f" Most of those that are not warned, {percent(m.lost[lost])} of all risky contacts, are "
                f"lost because {_WHY[lost]}."
            )
        other = [x for x in arms[0].metrics if x.recall is not None]
        low = min(other, key=lambda x: x.users)
        if low.users < m.users:
            phones = percent(low.adoption_smartphones)
            text += f" At {phones} of smartphones recall is {percent(low.recall)}."
        return text
    # What is asked is how many are warned; where arms warn as many, who is right more often.
    known.sort(key=lambda pair: (-(pair[1].recall or 0.0), -(pair[1].precision or 0.0)))
    (best, top), (worst, least) = known[0], known[-1]
    if top.recall == least.recall:
        return (
            f"{where}, {_recall(top)} of the risky contacts of a case are warned with each of "
            f"{len(known)} arms (precision {percent(least.precision)} to {percent(top.precision)})."
        )
    text = (
        f"{where}, {_recall(top)} of the risky contacts of a case are warned with {best.label}, the most "
        f"of {len(known)} arms (precision {percent(top.precision)}), and {_recall(least)} with "
        f"{worst.label}, the fewest (precision {percent(least.precision)})."
    )
    for d in paired(worst, best, ("recall",)):
        if abs((d.adoption_smartphones or 0.0) - level) < 1e-9:
            text += f" The difference is {SHARE.told(d.difference.mean).removesuffix(' %')} points"
            if d.difference.ci95 is not None:
                text += f" (95 % interval {interval(d.difference.ci95)}, paired by seed)"
            text += "."
    right, most = max(known, key=lambda pair: pair[1].precision or 0.0)
    if (most.precision or 0.0) > max(top.precision or 0.0, least.precision or 0.0):
        text += (
            f" Right most often is {right.label}: precision {percent(most.precision)}, with "
            f"{percent(most.recall)} warned."
        )
    return text


_WHY = {
    "no_smartphone": "one of the two has no smartphone",
    "no_app": "the case does not run the app",
    "other_no_app": "the other does not run the app",
    "bluetooth_or_app_off": "Bluetooth or the app is off",
    "radio_missed": "the radio misses them",
    "below_threshold": "they stay below the rule's threshold",
    "not_published": "the case's keys are not published",
    "not_confirmed": "nobody confirms the match",
    "not_matched_in_time": "the warning comes too late",
}


def _recall(m: LevelMetrics) -> str:
    ends = f" ({interval(m.recall_ci95)} %)" if m.recall_ci95 else ""
    return f"{percent(m.recall)}{ends}"


def legend(arms: Sequence[Arm]) -> list[tuple[int, str, str, str]]:
    """Colour, name, class of its dash and mark, of the lines of :func:`adoption_chart`."""
    return [
        (
            line.colour,
            line.name,
            "dashed" if line.dashed else f"k{line.kind}",
            STYLES[line.kind].glyph if line.dots else "",
        )
        for line in _lines(arms)
    ]


def _lines(arms: Sequence[Arm]) -> list[Line]:
    first = arms[0]
    x = [100 * m.place for m in first.metrics]
    fine = [i * x[-1] / 60 for i in range(61)] if x else []
    people = first.metrics[-1].adoption_people / max(first.metrics[-1].place, 1e-12)
    law = Line(
        "square law: two people drawn at random both have it",
        N_COLOURS - 1 if len(arms) > 1 else 0,
        fine,
        [100 * (v / 100 * people) ** 2 for v in fine],
        dashed=True,
        dots=False,
    )
    if len(arms) == 1:
        return [
            law,
            Line(
                "both have the app",
                0,
                x,
                [_p(m.share_both_have_app) for m in first.metrics],
                kind=1,
            ),
            Line("recorded", 4, x, [_p(m.share_recorded) for m in first.metrics], kind=2),
            _recall_line("warned (recall)", 2, first),
        ]
    styles = zip(arms, kinds_of(arms), shifts_of(arms), strict=True)
    return [
        law,
        *(
            _recall_line(arm.label, i % (N_COLOURS - 1), arm, kind, shift)
            for i, (arm, kind, shift) in enumerate(styles)
        ),
    ]


def _recall_line(name: str, colour: int, arm: Arm, kind: int = 0, shift: float = 0.0) -> Line:
    return Line(
        name,
        colour,
        [100 * m.place + shift for m in arm.metrics],
        [_p(m.recall) for m in arm.metrics],
        [ends and (100 * ends[0], 100 * ends[1]) for ends in (m.recall_ci95 for m in arm.metrics)],
        kind=kind,
    )


def _p(value: float | None) -> float | None:
    return None if value is None else 100 * value


def adoption_chart(arms: Sequence[Arm]) -> str:
    """Detection against adoption, with intervals and the square law."""
    lines = _lines(arms)
    tips = []
    for level in levels_of(arms):
        rows = []
        for i, arm in enumerate(arms):
            m = at_level(arm, level)
            if m is None:
                continue
            if len(arms) == 1:
                rows += [
                    (0, "square law", percent(m.share_both_have_app_expected)),
                    (0, "both have the app", percent(m.share_both_have_app)),
                    (4, "recorded", percent(m.share_recorded)),
                ]
            name = "warned" if len(arms) == 1 else arm.label
            colour = 2 if len(arms) == 1 else i % (N_COLOURS - 1)
            rows.append((colour, name, _recall(m)))
        users = next(m.users for arm in arms if (m := at_level(arm, level)) is not None)
        tips.append(Tip(100 * level, f"{percent(level)} of phones, {users:,} users", rows))
    found = "; ".join(
        f"{arm.label}: "
        + ", ".join(
            f"{percent(m.recall)} at {percent(m.adoption_smartphones)}" for m in arm.metrics
        )
        for arm in arms[:6]
    )
    return line_chart(
        lines,
        tips,
        x="smartphone owners who run the app (%)",
        y="share of risky pairs (%)",
        alt=f"Share of risky pairs warned, by share of smartphones with the app. {found}.",
    )


@dataclass(frozen=True)
class Tile:
    """One number: what it is called, its value, and what qualifies it."""

    key: str
    name: str
    value: str
    note: str


def tiles(m: LevelMetrics, scenario: Scenario) -> list[Tile]:
    """The numbers of a level."""
    # Co-present people who do not talk are what a warning is wrong about.
    silent = (
        "of those warned, among contacts as measured"
        if scenario.contacts.source == "trace"
        else "of those warned; rests on how many are near without talking (assumed)"
    )
    ends = f"{interval(m.recall_ci95)}, 95 % interval" if m.recall_ci95 else "no interval"
    followed = scenario.index_cases.f2_count
    f2 = f"F2 per case, of {followed:,} cases" if followed else "F2: nobody was followed"
    if m.n_warned_f2_ci95 is not None:
        f2 += f"; {PER_CASE.interval(m.n_warned_f2_ci95)}"
    return [
        Tile("recall", "recall", percent(m.recall), ends),
        Tile(
            "both",
            "both have the app",
            percent(m.share_both_have_app),
            f"square law {percent(m.share_both_have_app_expected)}",
        ),
        Tile("precision", "precision", percent(m.precision), silent),
        Tile("f1", "warned per case", number(m.n_warned_f1, 2), "F1"),
        Tile("f2", "and of their contacts", number(m.n_warned_f2, 1), f2),
        Tile(
            "days",
            "days to a warning",
            number(m.days_contact_to_warning_p50),
            "median, from the midnight before the contact",
        ),
    ]


def fall(m: LevelMetrics) -> dict[str, Any]:
    """The waterfall: for each stage where its bar starts, how long it is (percent), and its text."""
    rest, rows = 100.0, []
    for stage in OUTCOMES[:-1]:
        lost = 100 * (m.lost[stage] or 0.0)
        rest -= lost
        rows.append([round(max(0.0, rest), 3), _drawn(m.lost[stage]), percent(m.lost[stage])])
    rows.append([0, _drawn(m.recall), percent(m.recall)])
    words = ", ".join(f"{STAGES[s]} {row[2]}" for s, row in zip(OUTCOMES, rows, strict=True))
    return {"fall": rows, "alt": f"Of all risky pairs: {words}"}


def _drawn(value: float | None) -> float:
    """A bar's length in percent: nothing where its text is nothing."""
    return 0.0 if percent(value) == percent(0.0) else round(100 * (value or 0.0), 3)


def difference_bars(
    differences: Sequence[Difference], level: float
) -> list[tuple[float, float, float, str] | None]:
    """Recall of each arm less the first at a level: start and length of its interval, place of its
    mean, percent of a track whose middle is no difference; and its text."""
    found = [
        d
        for d in differences
        if d.metric == "recall" and abs((d.adoption_smartphones or 0.0) - level) < 1e-9
    ]
    if not found:
        return []
    ends = [d.difference.ci95 or (d.difference.mean or 0.0,) * 2 for d in found]
    reach = max((abs(v) for pair in ends for v in pair), default=0.0) * 1.05 or 1.0
    rows: list[tuple[float, float, float, str] | None] = []
    for d, (low, high) in zip(found, ends, strict=True):
        if d.difference.mean is None:
            rows.append(None)
            continue
        place = [round(50 + 50 * v / reach, 3) for v in (low, high, d.difference.mean)]
        text = SHARE.change(d.difference.mean)
        if d.difference.ci95:
            text += f" ({SHARE.ends(d.difference.ci95)})"
        rows.append((place[0], round(place[1] - place[0], 3), place[2], text))
    return rows
